// What existing clients of the event API were compiled with: names, numbers and types on the wire.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gsdk/event.pb.h"

namespace gatelog::api {
namespace {

namespace ev = gsdk::event;
using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

// From here on fields are gatelog's own; clients skip what they do not know.
constexpr int kOwnFields = 1000;

// "ID=1 uint32, doorIDs=2 uint32[]": the fields of a message that clients know.
std::string FieldsOf(const std::string& message) {
  const Descriptor* descriptor = ev::EventLog::descriptor()->file()->FindMessageTypeByName(message);
  if (descriptor == nullptr) return "no such message";
  std::string fields;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const FieldDescriptor& field = *descriptor->field(i);
    if (field.number() >= kOwnFields) continue;
    std::string type = field.type_name();
    if (field.message_type() != nullptr) type = field.message_type()->full_name();
    if (field.enum_type() != nullptr) type = field.enum_type()->full_name();
    absl::StrAppend(&fields, fields.empty() ? "" : ", ", field.name(), "=", field.number(), " ",
                    type, field.is_repeated() ? "[]" : "");
  }
  return fields;
}

TEST(EventContractTest, MessagesHaveTheirFields) {
  const std::pair<const char*, const char*> messages[] = {
      {"EventLog",
       "ID=1 uint32, timestamp=2 uint32, deviceID=3 uint32, userID=4 string, entityID=5 uint32, "
       "eventCode=6 uint32, subCode=7 uint32, TNAKey=8 gsdk.tna.Key, hasImage=9 bool, "
       "changedOnDevice=10 bool, temperature=11 uint32, cardData=12 bytes, "
       "inputInfo=13 gsdk.event.DetectInputInfo, alarmZoneInfo=14 gsdk.event.AlarmZoneInfo, "
       "interlockZoneInfo=15 gsdk.event.InterlockZoneInfo"},
      {"DetectInputInfo", "ioDeviceID=1 uint32, port=2 uint32, value=3 gsdk.event.PortValue"},
      {"AlarmZoneInfo", "zoneID=1 uint32, doorID=2 uint32, ioDeviceID=3 uint32, port=4 uint32"},
      {"InterlockZoneInfo", "zoneID=1 uint32, doorIDs=2 uint32[]"},
      {"ImageLog",
       "ID=1 uint32, timestamp=2 uint32, deviceID=3 uint32, userID=4 string, eventCode=5 uint32, "
       "subCode=6 uint32, JPGImage=7 bytes"},
      {"ImageFilter", "eventCode=1 uint32, scheduleID=2 uint32"},
      // From the sixth on they came with later versions.
      {"EventFilter",
       "userID=1 string, startTime=2 uint32, endTime=3 uint32, eventCode=4 uint32, "
       "TNAKey=5 gsdk.tna.Key, onDevice=6 bool, floorIndex=7 uint32, alarmFlag=8 uint32, "
       "licenseType=9 uint32"},
  };
  for (const auto& [message, fields] : messages) EXPECT_EQ(FieldsOf(message), fields) << message;
}

TEST(EventContractTest, CallsTakeAndGiveTheirFields) {
  const std::string log_range = "deviceID=1 uint32, startEventID=2 uint32, maxNumOfLog=3 uint32";
  const std::string errors = "deviceErrors=1 gsdk.err.ErrorResponse[]";
  const std::string filters = "filters=2 gsdk.event.ImageFilter[]";
  struct Call {
    std::string request;
    std::string response;
  };
  const std::map<std::string, Call> calls = {
      {"EnableMonitoring", {"deviceID=1 uint32", ""}},
      {"EnableMonitoringMulti", {"deviceIDs=1 uint32[]", errors}},
      {"DisableMonitoring", {"deviceID=1 uint32", ""}},
      {"DisableMonitoringMulti", {"deviceIDs=1 uint32[]", errors}},
      {"GetLog", {log_range, "events=1 gsdk.event.EventLog[]"}},
      {"GetLogWithFilter",
       {log_range + ", filters=4 gsdk.event.EventFilter[]", "events=1 gsdk.event.EventLog[]"}},
      {"GetImageLog", {log_range, "imageEvents=1 gsdk.event.ImageLog[]"}},
      {"GetImageFilter", {"deviceID=1 uint32", "filters=1 gsdk.event.ImageFilter[]"}},
      {"SetImageFilter", {"deviceID=1 uint32, " + filters, ""}},
      {"SetImageFilterMulti", {"deviceIDs=1 uint32[], " + filters, errors}},
      {"ClearLog", {"deviceID=1 uint32", ""}},
      {"ClearLogMulti", {"deviceIDs=1 uint32[]", errors}},
      // Codes fit into 16 bits, so that clients that were told int32 send the same bytes.
      {"SubscribeRealtimeLog",
       {"queueSize=1 int32, deviceIDs=2 uint32[], eventCodes=3 uint32[]", ""}},
  };
  const google::protobuf::ServiceDescriptor* service =
      ev::EventLog::descriptor()->file()->FindServiceByName("Event");
  ASSERT_NE(service, nullptr);
  EXPECT_EQ(static_cast<std::size_t>(service->method_count()), calls.size());
  for (const auto& [name, call] : calls) {
    const google::protobuf::MethodDescriptor* method = service->FindMethodByName(name);
    ASSERT_NE(method, nullptr) << name;
    EXPECT_EQ(method->input_type()->full_name(), "gsdk.event." + name + "Request");
    EXPECT_EQ(FieldsOf(name + "Request"), call.request) << name;
    EXPECT_EQ(method->server_streaming(), name == "SubscribeRealtimeLog");
    if (method->server_streaming()) {
      EXPECT_EQ(method->output_type()->full_name(), "gsdk.event.EventLog");
      continue;
    }
    EXPECT_EQ(method->output_type()->full_name(), "gsdk.event." + name + "Response");
    EXPECT_EQ(FieldsOf(name + "Response"), call.response) << name;
  }
}

TEST(EventContractTest, PortValuesHaveTheirNumbers) {
  EXPECT_EQ(ev::OPEN, 0);
  EXPECT_EQ(ev::CLOSED, 1);
  EXPECT_EQ(ev::SUPERVISED_SHORT, 2);
  EXPECT_EQ(ev::SUPERVISED_OPEN, 3);
}

}  // namespace
}  // namespace gatelog::api
