#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/event.h"
#include "ports/event_store.h"

namespace gatelog::testing {

// The event with its payload: the encoded EventLog of its fields, and of the card in the payload
// that it has.
model::Event Encoded(model::Event event);

// An event in which every field depends on the ID, so that a mix-up shows.
model::Event SomeEvent(model::DeviceId device, model::EventId id);

// An image that belongs to the event; its payload is only bytes.
model::Image ImageOf(const model::Event& event);

// What a device gives as the image of the event: an encoded ImageLog.
std::string EncodedImageOf(const model::Event& event);

// Puts a valid batch together, as a collector would.
class BatchMaker {
 public:
  // What the store knows of the log so far; of a log that it does not know, only log_device is set.
  explicit BatchMaker(const ports::LogState& before);

  // The next epoch, beginning at `first`; before any event or gap.
  BatchMaker& OpenEpoch(model::EventId first, model::Generation generation);
  // The event gets the next ID.
  BatchMaker& Add(model::Event event);
  BatchMaker& AddSome(int count);
  // The next `count` IDs are a gap.
  BatchMaker& AddGap(std::uint32_t count, model::GapReason reason);
  // Events with a smaller ID are backlog.
  BatchMaker& LiveFrom(model::EventId id);
  // When the gateway received it; else it is always the same moment.
  BatchMaker& Arrived(Timestamp arrival);
  // The last event's record gets these bytes at its end, such as fields that no event of ours has.
  BatchMaker& AppendToRecord(std::string_view bytes);

  model::EventId next() const { return batch_.after.next; }
  ports::Batch Make() const;

 private:
  ports::Batch batch_;
};

}  // namespace gatelog::testing
