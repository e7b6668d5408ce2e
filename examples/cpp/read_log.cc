// Reads a terminal's log and prints live events in words.
//   gatelog code list -o json > event_code.json
//   read_log localhost:4000 ca.crt event_code.json 127.0.0.1 51211
#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gsdk/connect.grpc.pb.h"
#include "gsdk/event.grpc.pb.h"

namespace {

std::map<std::pair<std::uint32_t, std::uint32_t>, std::string> words;

void Show(const gsdk::event::EventLog& event) {
  const auto word = words.find({event.eventcode(), event.subcode()});
  std::cout << event.deviceid() << ' ' << event.id() << ' ' << event.timestamp() << ' '
            << (event.userid().empty() ? std::to_string(event.entityid()) : event.userid()) << ' '
            << (word == words.end() ? std::to_string(event.eventcode()) : word->second)
            << std::endl;
}

// Ends the program when a call failed.
void Check(const grpc::Status& status) {
  if (status.ok()) return;
  std::cerr << status.error_message() << '\n';
  std::exit(1);
}

std::string ReadFile(const char* path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::cerr << "usage: read_log GATEWAY CA_FILE EVENT_CODE_FILE HOST PORT\n";
    return 2;
  }
  for (const auto& entry : nlohmann::json::parse(ReadFile(argv[3]))["entries"]) {
    words[{entry["event_code"], entry["sub_code"]}] = entry["desc"];
  }
  const auto channel =
      grpc::CreateChannel(argv[1], grpc::SslCredentials({ReadFile(argv[2]), "", ""}));
  const auto events = gsdk::event::Event::NewStub(channel);

  gsdk::connect::ConnectRequest link;
  link.mutable_connectinfo()->set_ipaddr(argv[4]);
  link.mutable_connectinfo()->set_port(std::stoi(argv[5]));
  gsdk::connect::ConnectResponse device;
  grpc::ClientContext connecting, enabling, live_context;
  Check(gsdk::connect::Connect::NewStub(channel)->Connect(&connecting, link, &device));

  gsdk::event::EnableMonitoringRequest enable;
  enable.set_deviceid(device.deviceid());
  gsdk::event::EnableMonitoringResponse enabled;
  Check(events->EnableMonitoring(&enabling, enable, &enabled));

  gsdk::event::SubscribeRealtimeLogRequest subscription;
  subscription.set_queuesize(1024);
  subscription.add_deviceids(device.deviceid());
  const auto live = events->SubscribeRealtimeLog(&live_context, subscription);
  live->WaitForInitialMetadata();  // in force before the log is read: nothing falls between the two

  std::uint32_t last = 0;
  for (gsdk::event::GetLogResponse page;;) {
    grpc::ClientContext reading;
    gsdk::event::GetLogRequest request;
    request.set_deviceid(device.deviceid());
    request.set_starteventid(last + 1);
    request.set_maxnumoflog(16384);
    Check(events->GetLog(&reading, request, &page));
    if (page.events().empty()) break;
    for (const auto& event : page.events()) Show(event);
    last = page.events().rbegin()->id();
  }
  for (gsdk::event::EventLog event; live->Read(&event);) {
    if (event.id() > last) Show(event);
  }
  Check(live->Finish());
}
