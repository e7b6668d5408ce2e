#include "api/gatelog/wire_event.h"

namespace gatelog::api {

std::size_t WireSize(const ports::StoredEvent& event) {
  constexpr std::size_t kHeaderSize = 64;  // tags, numbers and lengths
  return kHeaderSize + event.event.payload.size();
}

void FillStoredEvent(const ports::StoredEvent& event, gatelog::v1::StoredEvent& wire) {
  wire.set_seq(event.seq);
  wire.set_log_device_id(event.log_device);
  wire.set_epoch(event.epoch);
  wire.set_arrival_ms(event.arrival.time_since_epoch().count());
  wire.set_phase(static_cast<gatelog::v1::Phase>(event.phase));  // the numbers are the same
  wire.set_event(event.event.payload);
}

}  // namespace gatelog::api
