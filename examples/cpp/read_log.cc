// Reads a terminal's log and prints live events in words.
//   gatelog code list -o json > event_code.json
//   read_log localhost:4000 ca.crt event_code.json 127.0.0.1 51211
#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "gsdk/connect.grpc.pb.h"
#include "gsdk/event.grpc.pb.h"

// Ends the program when a call fails.
void Check(const grpc::Status& status) {
  if (!status.ok()) std::cerr << status.error_message() << std::endl, std::exit(1);
}

int main(int, char** argv) {
  std::ifstream ca(argv[2]), codes(argv[3]);
  std::map<std::pair<unsigned, unsigned>, std::string> words;
  for (const auto table = nlohmann::json::parse(codes); const auto& code : table["entries"])
    words[{code["event_code"], code["sub_code"]}] = code["desc"];
  const auto show = [&](const gsdk::event::EventLog& event) {
    std::cout << event.deviceid() << ' ' << event.id() << ' ' << event.timestamp() << ' '
              << (event.userid().empty() ? std::to_string(event.entityid()) : event.userid()) << ' '
              << words[{event.eventcode(), event.subcode()}] << std::endl;
  };
  const std::string roots{std::istreambuf_iterator<char>(ca), {}};
  const auto channel = grpc::CreateChannel(argv[1], grpc::SslCredentials({roots, "", ""}));
  const auto events = gsdk::event::Event::NewStub(channel);

  grpc::ClientContext connecting, enabling, following;
  gsdk::connect::ConnectRequest terminal;
  terminal.mutable_connectinfo()->set_ipaddr(argv[4]);
  terminal.mutable_connectinfo()->set_port(std::stoi(argv[5]));
  gsdk::connect::ConnectResponse device;
  Check(gsdk::connect::Connect::NewStub(channel)->Connect(&connecting, terminal, &device));
  gsdk::event::EnableMonitoringRequest monitored;
  monitored.set_deviceid(device.deviceid());
  gsdk::event::EnableMonitoringResponse enabled;
  Check(events->EnableMonitoring(&enabling, monitored, &enabled));
  gsdk::event::SubscribeRealtimeLogRequest wanted;
  wanted.set_queuesize(1024);
  wanted.add_deviceids(device.deviceid());
  const auto live = events->SubscribeRealtimeLog(&following, wanted);
  live->WaitForInitialMetadata();  // in force before the log is read: nothing falls between the two

  gsdk::event::GetLogRequest next;
  next.set_deviceid(device.deviceid());
  next.set_maxnumoflog(16384);
  gsdk::event::GetLogResponse page;
  do {
    grpc::ClientContext reading;
    Check(events->GetLog(&reading, next, &page));
    for (const auto& event : page.events()) show(event), next.set_starteventid(event.id() + 1);
  } while (!page.events().empty());
  for (gsdk::event::EventLog event; live->Read(&event);)
    if (event.id() >= next.starteventid()) show(event);  // the others have been read above
  Check(live->Finish());
}
