#include <string>

#include "gsdk/event.pb.h"
#include "model/anchor.h"
#include "model/event.h"
#include "tests/fuzz/fuzz_entries.h"

namespace gatelog::fuzz {
namespace {

void CheckEvent(const std::string& payload) {
  const absl::StatusOr<model::Event> event = model::ParseEvent(payload);
  if (!event.ok()) return;
  gsdk::event::EventLog log;
  FUZZ_EXPECT(log.ParseFromString(payload));
  FUZZ_EXPECT(event->id == log.id() && event->id != 0);
  FUZZ_EXPECT(model::ParseEventId(payload) == event->id);
  FUZZ_EXPECT(event->timestamp == log.timestamp());
  FUZZ_EXPECT(event->device == log.deviceid());
  FUZZ_EXPECT(event->user_id == log.userid());
  FUZZ_EXPECT(event->entity_id == log.entityid());
  FUZZ_EXPECT(event->code == log.eventcode() && event->sub_code == log.subcode());
  FUZZ_EXPECT(event->tna_key == static_cast<std::uint32_t>(log.tnakey()));
  FUZZ_EXPECT(event->has_image == log.hasimage());
  FUZZ_EXPECT(event->changed_on_device == log.changedondevice());
  FUZZ_EXPECT(event->temperature == log.temperature());
  FUZZ_EXPECT(event->payload == payload);
  FUZZ_EXPECT(model::AnchorOf(*event).id == event->id);
}

void CheckImage(const std::string& payload) {
  const absl::StatusOr<model::Image> image = model::ParseImage(payload);
  if (!image.ok()) return;
  gsdk::event::ImageLog log;
  FUZZ_EXPECT(log.ParseFromString(payload));
  FUZZ_EXPECT(image->id == log.id() && image->id != 0);
  FUZZ_EXPECT(image->timestamp == log.timestamp());
  FUZZ_EXPECT(image->code == log.eventcode());
  FUZZ_EXPECT(model::ImageJpeg(image->payload) == log.jpgimage());
  FUZZ_EXPECT(!log.jpgimage().empty() && log.jpgimage().size() <= model::kImageSizeMax);
}

}  // namespace

void EventParseTakes(std::string_view bytes) {
  const std::string payload(bytes);
  CheckEvent(payload);
  CheckImage(payload);
}

}  // namespace gatelog::fuzz

FUZZ_TARGET(EventParseTakes)
