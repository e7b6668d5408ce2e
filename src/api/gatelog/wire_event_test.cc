#include "api/gatelog/wire_event.h"

#include <gtest/gtest.h>

#include "gatelog/v1/events.pb.h"
#include "tests/support/records.h"

namespace gatelog::api {
namespace {

ports::StoredEvent Stored(std::uint64_t seq, std::size_t payload_size) {
  ports::StoredEvent stored;
  stored.seq = seq;
  stored.log_device = 541'000'001;
  stored.epoch = 2;
  stored.arrival = Timestamp(std::chrono::milliseconds(1'795'420'800'123));
  stored.phase = ports::Phase::kBacklog;
  stored.event.payload = std::string(payload_size, 'x');
  return stored;
}

TEST(WireEvent, IsTheMessageThatTheContractSays) {
  std::vector<ports::StoredEvent> events;
  for (const std::size_t size : {0u, 1u, 100u, 127u, 128u, 4'096u}) {
    events.push_back(Stored(1 + size, size));
  }
  events[2].erased = true;
  events[3].seq = ~std::uint64_t{0};
  events[3].log_device = ~0u;
  events[3].epoch = ~0u;
  events[4].arrival = Timestamp(std::chrono::milliseconds(-1));
  gatelog::v1::QueryResponse expected;
  std::string message;
  for (const ports::StoredEvent& event : events) {
    gatelog::v1::StoredEvent& wire = *expected.add_events();
    wire.set_seq(event.seq);
    wire.set_log_device_id(event.log_device);
    wire.set_epoch(event.epoch);
    wire.set_arrival_ms(event.arrival.time_since_epoch().count());
    wire.set_phase(gatelog::v1::PHASE_BACKLOG);
    wire.set_event(event.event.payload);
    wire.set_erased(event.erased);
    const std::size_t before = message.size();
    AppendStoredEvent(event, message);
    EXPECT_LE(message.size() - before, WireSize(event));
  }
  AppendText("a token", message);
  expected.set_next_page_token("a token");
  EXPECT_EQ(message, expected.SerializeAsString());
}

TEST(WireEvent, NoTextIsNoField) {
  std::string message;
  AppendText("", message);
  EXPECT_EQ(message, "");
}

}  // namespace
}  // namespace gatelog::api
