#include <string>

#include "device/uhppote/message.h"
#include "device/uhppote/packet.h"
#include "tests/fuzz/fuzz_entries.h"

namespace gatelog::fuzz {
namespace {

// What is read can be written, and is the same when it is read again.
template <typename Message>
void Takes(std::string_view bytes) {
  const auto received = uhppote::Decode<Message>(bytes);
  if (!received.ok()) return;
  const std::string again = uhppote::Encode(received->serial, received->message);
  FUZZ_EXPECT(again.size() == uhppote::kPacketSize);
  const auto reread = uhppote::Decode<Message>(again);
  FUZZ_EXPECT(reread.ok());
  FUZZ_EXPECT(reread->serial == received->serial);
  FUZZ_EXPECT(reread->message == received->message);
}

template <typename... Messages>
void AllTake(std::string_view bytes) {
  (Takes<Messages>(bytes), ...);
}

}  // namespace

void BoardPacketTakes(std::string_view bytes) {
  using namespace uhppote;
  // Most inputs are of another size; what matters is what is in a packet.
  const std::string packet = std::string(bytes).append(kPacketSize, '\0').substr(0, kPacketSize);
  for (const std::string_view input : {bytes, std::string_view(packet)}) {
    AllTake<ControllerReply, Status, EventRequest, EventReply, EventIndexReply,
            SetEventIndexRequest, SetEventIndexReply, SetListenerRequest, ListenerReply, TimeReply,
            SetTimeRequest, SpecialEventsRequest, OpenDoorRequest, PutCardRequest, CardRequest,
            CardReply, PcControlRequest, RestoreDefaultsRequest>(input);
  }
}

}  // namespace gatelog::fuzz

FUZZ_TARGET(BoardPacketTakes)
