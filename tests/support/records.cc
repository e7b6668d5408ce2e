#include "tests/support/records.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/wire_format_lite.h>

#include <array>
#include <utility>

namespace gatelog::testing {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using google::protobuf::io::StringOutputStream;

constexpr Timestamp kArrival{std::chrono::milliseconds(1'700'000'000'123)};

void WriteNumber(int field, std::uint32_t number, CodedOutputStream& out) {
  if (number != 0) WireFormatLite::WriteUInt32(field, number, &out);
}

std::string Encode(const model::Event& event) {
  std::string payload;
  {
    StringOutputStream stream(&payload);
    CodedOutputStream out(&stream);
    WriteNumber(1, event.id, out);
    WriteNumber(2, event.timestamp, out);
    WriteNumber(3, event.device, out);
    if (!event.user_id.empty()) WireFormatLite::WriteString(4, event.user_id, &out);
    WriteNumber(5, event.entity_id, out);
    WriteNumber(6, event.code, out);
    WriteNumber(7, event.sub_code, out);
    WriteNumber(8, event.tna_key, out);
    WriteNumber(9, event.has_image ? 1 : 0, out);
    WriteNumber(10, event.changed_on_device ? 1 : 0, out);
    WriteNumber(11, event.temperature, out);
    const std::string_view card = model::CardNumber(event.payload);
    if (!card.empty()) WireFormatLite::WriteBytes(12, std::string(1, '\0').append(card), &out);
  }  // what is still in the streams goes to the text
  return payload;
}

}  // namespace

model::Event Encoded(model::Event event) {
  event.payload = Encode(event);
  return event;
}

model::Event SomeEvent(model::DeviceId device, model::EventId id) {
  constexpr std::array<std::uint32_t, 5> kCodes = {0x1000, 0x1300, 0x1900, 0x5000, 0x6000};
  model::Event event;
  event.id = id;
  event.timestamp = 1'700'000'000 + id * 7 - (id % 13) * 20;  // goes back now and then
  event.device = device + id % 2;                             // half of them are a slave's
  event.code = kCodes[id % kCodes.size()];
  event.sub_code = id % 4;
  if (id % 10 != 0) event.user_id = "user-" + std::to_string(id % 23);
  event.entity_id = id % 10 == 0 ? id % 7 : 0;
  event.tna_key = id % 17;
  event.has_image = id % 3 == 0;
  event.changed_on_device = id % 5 == 0;
  event.temperature = id % 4 == 0 ? 3650 + id % 100 : 0;
  return Encoded(std::move(event));
}

model::Image ImageOf(const model::Event& event) {
  const std::string payload = "image of " + std::to_string(event.id) + std::string("\0\xFF", 2);
  return {.id = event.id, .timestamp = event.timestamp, .code = event.code, .payload = payload};
}

std::string EncodedImageOf(const model::Event& event) {
  std::string payload;
  {
    StringOutputStream stream(&payload);
    CodedOutputStream out(&stream);
    WriteNumber(1, event.id, out);
    WriteNumber(2, event.timestamp, out);
    WriteNumber(3, event.device, out);
    WriteNumber(5, event.code, out);
    WriteNumber(6, event.sub_code, out);
    WireFormatLite::WriteBytes(7, "\xFF\xD8 of " + std::to_string(event.id), &out);
  }
  return payload;
}

BatchMaker::BatchMaker(const ports::LogState& before) {
  batch_.log_device = before.log_device;
  batch_.expected_epoch = before.epoch;
  batch_.expected_next = before.next;
  batch_.after = before;
  batch_.after.image_next = 0;
  batch_.arrival = kArrival;
}

BatchMaker& BatchMaker::OpenEpoch(model::EventId first, model::Generation generation) {
  ports::LogState& after = batch_.after;
  if (after.epoch != 0) {
    after.past.push_back({after.epoch, after.epoch_first, after.next, after.generation});
  }
  ++batch_.after.epoch;
  batch_.after.epoch_first = first;
  batch_.after.generation = generation;
  batch_.after.next = first;
  batch_.after.anchors.clear();
  return *this;
}

BatchMaker& BatchMaker::Add(model::Event event) {
  event.id = batch_.after.next++;
  batch_.events.push_back(Encoded(std::move(event)));
  std::vector<model::Anchor>& anchors = batch_.after.anchors;
  anchors.push_back(model::AnchorOf(batch_.events.back()));
  if (anchors.size() > model::kAnchorCount) anchors.erase(anchors.begin());
  return *this;
}

BatchMaker& BatchMaker::AddSome(int count) {
  for (int i = 0; i < count; ++i) Add(SomeEvent(batch_.log_device, batch_.after.next));
  return *this;
}

BatchMaker& BatchMaker::AddGap(std::uint32_t count, model::GapReason reason) {
  batch_.gaps.push_back(
      {.log_device = batch_.log_device,
       .epoch = batch_.after.epoch,
       .first = batch_.after.next,
       .last = batch_.after.next + count - 1,
       .reason = reason,
       .found = kArrival,
       .raw = reason == model::GapReason::kUnreadable ? std::string("\0raw", 4) : ""});
  batch_.after.next += count;
  return *this;
}

BatchMaker& BatchMaker::LiveFrom(model::EventId id) {
  batch_.live_from = id;
  return *this;
}

BatchMaker& BatchMaker::Arrived(Timestamp arrival) {
  batch_.arrival = arrival;
  return *this;
}

BatchMaker& BatchMaker::AppendToRecord(std::string_view bytes) {
  batch_.events.back().payload += bytes;
  return *this;
}

ports::Batch BatchMaker::Make() const { return batch_; }

}  // namespace gatelog::testing
