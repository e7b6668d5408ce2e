#include "model/anchor.h"

#include <gtest/gtest.h>

#include <functional>
#include <vector>

namespace gatelog::model {
namespace {

Event MakeEvent() {
  Event event;
  event.id = 17;
  event.timestamp = 1'700'000'000;
  event.device = 541000001;
  event.code = 0x1300;
  event.sub_code = 2;
  event.user_id = "alice";
  event.entity_id = 3;
  event.payload = "bytes";
  return event;
}

// Anchors are kept in stores: another value would make every device look like a stranger after an
// upgrade.
TEST(Anchor, StaysTheSameAcrossVersions) {
  EXPECT_EQ(AnchorOf(MakeEvent()), (Anchor{17, 0x225b3638e3b56cb8}));
}

TEST(Anchor, TellsRecordsApart) {
  const Anchor anchor = AnchorOf(MakeEvent());
  const std::vector<std::function<void(Event&)>> changes = {
      [](Event& event) { event.id = 18; },           [](Event& event) { event.timestamp += 1; },
      [](Event& event) { event.code = 0x1301; },     [](Event& event) { event.sub_code = 3; },
      [](Event& event) { event.user_id = "alicf"; }, [](Event& event) { event.entity_id = 4; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    Event event = MakeEvent();
    changes[i](event);
    EXPECT_NE(AnchorOf(event), anchor) << "change " << i;
  }
}

TEST(Anchor, LooksPastWhatADeviceMayChangeLater) {
  Event event = MakeEvent();
  event.has_image = true;
  event.payload = "the same record, encoded by new firmware";
  EXPECT_EQ(AnchorOf(event), AnchorOf(MakeEvent()));
}

TEST(Anchor, WithoutItsPersonKnowsTheRecordByTheRest) {
  const Anchor anchor = AnchorOf(MakeEvent());
  const Anchor without = WithoutPerson(anchor);
  EXPECT_TRUE(IsWithoutPerson(without));
  EXPECT_FALSE(IsWithoutPerson(anchor));
  EXPECT_TRUE(SameRecord(anchor, without));
  EXPECT_TRUE(SameRecord(without, anchor));

  Event other = MakeEvent();
  other.user_id = "bob";
  EXPECT_FALSE(SameRecord(anchor, AnchorOf(other)));
  EXPECT_TRUE(SameRecord(without, AnchorOf(other))) << "nothing tells the users apart any more";
  EXPECT_EQ(without, WithoutPerson(AnchorOf(other))) << "a trace of the user is left";
  other.timestamp += 1;
  EXPECT_FALSE(SameRecord(without, AnchorOf(other)));
}

TEST(Anchor, UnreadableRecordsKnowNobody) {
  const Anchor anchor = AnchorOfUnreadable(17, "bytes");
  EXPECT_EQ(WithoutPerson(anchor), anchor);
  EXPECT_FALSE(IsWithoutPerson(anchor));
  EXPECT_FALSE(SameRecord(anchor, WithoutPerson(AnchorOf(MakeEvent()))));
}

}  // namespace
}  // namespace gatelog::model
