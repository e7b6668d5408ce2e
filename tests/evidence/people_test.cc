// Retention of people's data: what old events tell of people is gone, with the salts that a guess
// could be tried with, and everything else stays and verifies, at every step.

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/evidence/people_store.h"

namespace gatelog::store {
namespace {

using std::chrono::days;
using testing::BatchMaker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(PeopleTest, WhatOldEventsTellOfPeopleGoesAndTheRestVerifies) {
  Fill();
  Commit({Next(kDoor).Add(Nobody(3'700)).Add(Nobody(0)).AppendToRecord(kCard).Make()});
  Commit({Next(kDoor).Add(Of("7")).AppendToRecord(kUnknown).Add(Nobody(0)).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  const std::uint64_t end = store_->last_seq() + 1;
  AddLater();
  const std::vector<ports::StoredEvent> before = ReadAll();
  const auto totals = *store_->ReadTotals();
  const auto preview = store_->PreviewPrune(PeopleBefore(between));
  ASSERT_TRUE(preview.ok()) << preview.status();
  EXPECT_EQ(ReadAll(), before) << "a preview changes nothing";
  const std::int64_t images = Rows("image");

  const ports::Pruned pruned = Prune(PeopleBefore(between));
  EXPECT_GT(pruned.people, 20u);
  EXPECT_EQ(pruned.events, 0u);
  EXPECT_EQ(pruned.images, static_cast<std::uint64_t>(images - Rows("image")));
  EXPECT_EQ(pruned.segments, 1u);
  EXPECT_EQ(preview->people, pruned.people);
  EXPECT_EQ(preview->images, pruned.images);
  EXPECT_EQ(preview->bytes, pruned.bytes);
  EXPECT_EQ(preview->segments, pruned.segments);
  EXPECT_LT(*preview->newest, between);
  ExpectErased(before, end);
  EXPECT_FALSE(ReadAll()[end - 2].erased) << "there was nothing to take";
  EXPECT_THAT(Column("SELECT user_id FROM person WHERE id NOT IN (SELECT person FROM event WHERE "
                     "person NOT NULL UNION SELECT person FROM image WHERE person NOT NULL)"),
              IsEmpty());
  EXPECT_EQ(store_->first_seq(), 1u);
  for (std::size_t i = 0; i < totals.size(); ++i) {
    EXPECT_EQ(store_->ReadTotals()->at(i).events, totals[i].events);
    EXPECT_EQ(store_->ReadTotals()->at(i).images, totals[i].images);
    EXPECT_EQ(store_->ReadTotals()->at(i).gaps, totals[i].gaps);
  }
  ExpectSound("afterwards");
  EXPECT_EQ(Prune(PeopleBefore(between)).people, 0u) << "once";
  EXPECT_EQ(store_->PreviewPrune(PeopleBefore(between))->segments, 0u);

  Open();
  EXPECT_EQ(store_->PreviewPrune(PeopleBefore(between))->segments, 0u);
  EXPECT_EQ(Prune(PeopleBefore(between)).people, 0u) << "once in all lives";
  AddLater();
  ExpectSound("after more came");
}

TEST_F(PeopleTest, NeitherPeopleNorTheirSaltsAreLeftInTheFiles) {
  // So many that tables and indexes have several pages, which are split and joined. Every fifth
  // user comes again later.
  constexpr int kUsers = 3'000;
  const auto name = [](int number) { return absl::StrCat("user-", 100'000 + number, "-"); };
  for (int batch = 0; batch < 40; ++batch) {
    BatchMaker maker = Next(kDoor);
    for (int i = 0; i < 100; ++i) maker.Add(Of(name((batch * 100 + i) * 7'919 % kUsers)));
    Commit({maker.Arrived(kFirstPeriod).Make()});
  }
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  BatchMaker later = Next(kDoor);
  for (int i = 0; i < kUsers; i += 5) later.Add(Of(name(i)));
  Commit({later.Arrived(kFirstPeriod + kSaltPeriod).Make()});
  Seal();
  const std::vector<std::string> salts =
      Column(absl::StrCat("SELECT salt FROM person WHERE period = ", PeriodOf(kFirstPeriod)));
  ASSERT_THAT(salts, SizeIs(kUsers));
  ASSERT_THAT(Bytes(), HasSubstr(salts[7]));
  ASSERT_THAT(Bytes(), HasSubstr(name(1)));

  EXPECT_EQ(Prune(PeopleBefore(between)).people, 4'000u);
  Seal();  // which first empties the write-ahead log
  const std::string bytes = Bytes();
  int left = 0;
  for (const std::string& salt : salts) left += bytes.find(salt) == std::string::npos ? 0 : 1;
  EXPECT_EQ(left, 0) << "salts";
  left = 0;
  for (int i = 0; i < kUsers; ++i) {
    if (i % 5 != 0) left += bytes.find(name(i)) == std::string::npos ? 0 : 1;
  }
  EXPECT_EQ(left, 0) << "users";
  EXPECT_THAT(Column("SELECT count(*) FROM person"), ElementsAre(absl::StrCat(kUsers / 5)));
  ExpectSound("afterwards");
}

TEST_F(PeopleTest, AProcessMayEndBetweenAnyTwoSteps) {
  Fill();
  // Blocks of which one step takes a part, and of which it takes many.
  Commit({Next(kDoor).AddSome(2'700).Make()});
  for (int i = 0; i < 30; ++i) Commit({Next(kDoor).AddSome(40).Make()});
  CommitImages(kDoor, 600);
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  const std::uint64_t end = store_->last_seq() + 1;
  AddLater();
  const std::vector<ports::StoredEvent> before = ReadAll();
  const auto preview = *store_->PreviewPrune(PeopleBefore(between));
  ports::Pruned sum;
  int steps = 0;
  constexpr int kStepsMax = 40;
  for (bool more = true; more && steps < kStepsMax; ++steps) {
    const ports::RetentionStore::Step step = Step(PeopleBefore(between));
    more = step.more;
    sum.people += step.pruned.people;
    sum.images += step.pruned.images;
    ExpectSound(absl::StrCat("after step ", steps));
    Open();
    ExpectSound(absl::StrCat("after step ", steps, " and a restart"));
  }
  EXPECT_GT(steps, 6);
  EXPECT_LT(steps, kStepsMax);
  EXPECT_EQ(sum.people, preview.people);
  EXPECT_EQ(sum.images, preview.images);
  ExpectErased(before, end);
}

TEST_F(PeopleTest, StepsAreShortAndSayWhoAsked) {
  Commit({Next(kDoor).AddSome(4'000).Make()});
  Seal();
  const std::uint64_t head = store_->chain_head().block;
  const auto step = Step(PeopleBefore(clock_.Now() + days(1)));
  EXPECT_EQ(step.pruned.people, 500u);
  EXPECT_TRUE(step.more);
  EXPECT_EQ(store_->chain_head().block, head + 1);
  EXPECT_EQ(Column(absl::StrCat("SELECT count(*) FROM entry WHERE kind = 8 AND block = ", head + 1,
                                " AND instr(body, CAST('a test' AS BLOB)) > 0")),
            std::vector<std::string>{"1"});
  EXPECT_FALSE(Step(PeopleBefore(clock_.Now() - days(1))).more)
      << "what is under way for one who asked is not for another";
}

TEST_F(PeopleTest, OnlyWhatIsSealedAndOldLosesItsPeople) {
  Commit({Next(kDoor).AddSome(10).Make()});
  EXPECT_EQ(Prune(PeopleBefore(clock_.Now() + days(1))).people, 0u) << "not sealed";
  Seal();
  EXPECT_EQ(Prune(PeopleBefore(clock_.Now() - days(1))).people, 0u) << "not old";
  Commit({Next(kDoor).AddSome(10).Make()});
  clock_.Move(days(2));
  Commit({Next(kDoor).AddSome(10).Make()});
  Seal();
  EXPECT_EQ(Prune(PeopleBefore(clock_.Now() - days(1))).people, 9u) << "up to the first seal";
  EXPECT_EQ(Prune({}).people, 0u) << "kept for ever";
  ExpectSound("afterwards");
}

TEST_F(PeopleTest, EventsWithoutPeopleAreLookedThroughOnce) {
  for (int i = 0; i < 3; ++i) {
    BatchMaker maker = Next(kDoor);
    for (int n = 0; n < 3'000; ++n) maker.Add(Nobody(0));
    Commit({maker.Make()});
    Seal();
  }
  const ports::Pruned pruned = Prune(PeopleBefore(clock_.Now() + days(1)));
  EXPECT_EQ(pruned.people, 0u);
  EXPECT_EQ(pruned.segments, 0u);
  ExpectSound("afterwards");
  Open();
  EXPECT_FALSE(Step(PeopleBefore(clock_.Now() + days(1))).more) << "an entry says how far it is";
}

TEST_F(PeopleTest, ASaltIsOfOnePeriodAndAUserHasSeveral) {
  std::vector<std::uint64_t> of_ada;
  for (int period = 0; period < 4; ++period) {
    BatchMaker maker = Next(kDoor);
    for (int i = 0; i < 30; ++i) {
      maker.Add(Of(i % 3 == 0 ? "ada" : "bob"));
      if (i % 3 == 0) of_ada.push_back(store_->last_seq() + static_cast<std::uint64_t>(i) + 1);
    }
    Commit({maker.Arrived(kFirstPeriod + period * kSaltPeriod).Make()});
    if (period == 1) Open();  // rows are found again
    Commit({Next(kDoor).Add(Of("bob")).Arrived(kFirstPeriod + period * kSaltPeriod).Make()});
  }
  EXPECT_THAT(Column("SELECT count(DISTINCT salt) || ' of ' || count(*) FROM person"),
              ElementsAre("8 of 8"));
  const auto seqs = [](const std::vector<ports::StoredEvent>& events) {
    std::vector<std::uint64_t> all;
    for (const ports::StoredEvent& event : events) all.push_back(event.seq);
    return all;
  };
  EXPECT_EQ(seqs(ReadAll({.users = {"ada"}})), of_ada);
  EXPECT_EQ(seqs(ReadAll({.users = {"ada", "ada"}})), of_ada) << "each once";
  EXPECT_EQ(seqs(ReadAll({.log_devices = {kDoor}, .users = {"ada"}})), of_ada);
  EXPECT_THAT(ReadAll({.users = {"ada", "bob"}}), SizeIs(store_->last_seq()));
  const auto page = store_->Read({.filter = {.users = {"ada"}},
                                  .order = ports::Order::kNewestFirst,
                                  .before_seq = of_ada[25],
                                  .limit = 7});
  EXPECT_EQ(seqs(page->events),
            std::vector<std::uint64_t>(of_ada.rbegin() + 15, of_ada.rbegin() + 22));
  EXPECT_EQ(Forget("ada").events, of_ada.size());
  EXPECT_THAT(ReadAll({.users = {"ada"}}), IsEmpty());
  ExpectSound("forgotten");
}

TEST_F(PeopleTest, EventsOfManyUsersOverManyPeriodsComeInOrder) {
  constexpr int kUsers = 9;
  constexpr int kPeriods = 50;  // 450 rows: more than are merged
  std::vector<std::string> users;
  for (int i = 0; i < kUsers; ++i) users.push_back(absl::StrCat("user-", i));
  for (int period = 0; period < kPeriods; ++period) {
    BatchMaker maker = Next(kDoor);
    for (int i = 0; i < kUsers; ++i) maker.Add(Of(users[static_cast<std::size_t>(i * 4 % kUsers)]));
    Commit({maker.Add(Of("somebody else")).Arrived(kFirstPeriod + period * kSaltPeriod).Make()});
  }
  for (const std::size_t asked : {std::size_t{1}, std::size_t{8}, std::size_t{9}}) {
    SCOPED_TRACE(asked);
    const std::vector<std::string> some(users.begin(),
                                        users.begin() + static_cast<std::ptrdiff_t>(asked));
    std::uint64_t after = 0;
    std::uint64_t found = 0;
    for (bool more = true; more;) {
      const auto page = store_->Read({.filter = {.users = some}, .after_seq = after, .limit = 70});
      ASSERT_TRUE(page.ok()) << page.status();
      for (const ports::StoredEvent& event : page->events) {
        EXPECT_GT(event.seq, after);
        after = event.seq;
        ++found;
      }
      more = page->more;
    }
    EXPECT_EQ(found, asked * kPeriods);
  }
}

TEST_F(PeopleTest, WhoIsAskedForAsNobodyIsFoundWithAndWithoutATemperature) {
  Commit({Next(kDoor).Add(Nobody(3'700)).Add(Nobody(0)).Add(Of("ada")).Make()});
  EXPECT_THAT(Column("SELECT salt FROM person WHERE user_id IS NULL"), SizeIs(1));
  EXPECT_THAT(ReadAll({.users = {""}}), SizeIs(2));
  EXPECT_THAT(ReadAll({.users = {"", "ada"}}), SizeIs(3));
  EXPECT_THAT(Column("SELECT count(*) FROM events WHERE user_id IS NULL"), ElementsAre("2"));
  ExpectSound("");
}

// The salt of a row goes with the last that refers to it, not before.
TEST_F(PeopleTest, APersonsRowOutlivesWhatIsLeftOfThePeriod) {
  Commit({Next(kDoor).Add(Of("ada")).Add(Of("bob")).Arrived(kFirstPeriod).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  Commit({Next(kDoor).Add(Of("ada")).Arrived(kFirstPeriod).Make()});
  Seal();
  EXPECT_EQ(Prune(PeopleBefore(between)).people, 2u);
  EXPECT_THAT(Column("SELECT user_id FROM person"), ElementsAre("ada"));
  // What is known of rows in memory is what is in the file.
  Commit({Next(kDoor).Add(Of("bob")).Add(Of("ada")).Arrived(kFirstPeriod).Make()});
  EXPECT_THAT(Column("SELECT user_id FROM person ORDER BY 1"), ElementsAre("ada", "bob"));
  ExpectSound("");
}

TEST_F(PeopleTest, AnImageGoesWithWhatItsEventTellsAndALaterOneIsNotKept) {
  Commit({Next(kDoor).AddSome(36).Make()});
  CommitSome(12);
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  CommitSome(24);  // collected when the events were old already
  AddLater();
  ASSERT_TRUE(store_->ReadImage({kDoor, 1, 3}).ok());
  const auto preview = *store_->PreviewPrune({.images_before = between, .people_before = between});
  const auto pruned = Prune({.images_before = between, .people_before = between});
  EXPECT_EQ(pruned.images, preview.images);
  EXPECT_EQ(pruned.bytes, preview.bytes);
  EXPECT_EQ(pruned.images, 8u);
  EXPECT_THAT(std::string(store_->ReadImage({kDoor, 1, 3}).status().message()),
              HasSubstr("pruned"));
  EXPECT_THAT(std::string(store_->ReadImage({kDoor, 1, 21}).status().message()),
              HasSubstr("erased"));
  CommitSome(36);
  EXPECT_THAT(Column("SELECT id FROM image"), ElementsAre("30")) << "of an event of nobody";
  ExpectSound("afterwards");
}

TEST_F(PeopleTest, ManyImagesGoInSeveralSteps) {
  BatchMaker maker = Next(kDoor);
  std::vector<model::Image> images;
  for (int i = 0; i < 200; ++i) {
    model::Event event = Of("ada");
    event.id = maker.next();
    images.push_back(testing::ImageOf(event));
    maker.Add(event);
  }
  Commit({maker.Make()});
  Seal();
  clock_.Move(days(10));
  const ports::ImageBatch batch{.log_device = kDoor,
                                .epoch = 1,
                                .expected_image_next = 1,
                                .image_next = 201,
                                .images = images};
  ASSERT_TRUE(store_->CommitImages(std::span(&batch, 1))->at(0).ok());
  Seal();
  const auto step = Step(PeopleBefore(clock_.Now() - days(1)));
  EXPECT_EQ(step.pruned.images, 64u);
  EXPECT_EQ(step.pruned.people, 64u);
  ExpectSound("in between");
  EXPECT_EQ(Prune(PeopleBefore(clock_.Now() - days(1))).images, 136u);
  ExpectSound("afterwards");
}

TEST_F(PeopleTest, NoAnchorKnowsAPersonOfAnOldEvent) {
  BatchMaker maker = Next(kDoor);
  maker.AddSome(40);
  const ports::Batch first = maker.Make();
  Commit({first});
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  Prune(PeopleBefore(between));
  // As a collector does that has been running all the time: its anchors still know the users.
  Commit({BatchMaker(first.after).AddSome(5).Make()});
  Open();
  const std::vector<model::Anchor> anchors = State(kDoor).anchors;
  EXPECT_THAT(anchors, SizeIs(45));
  for (const model::Anchor& anchor : anchors) {
    const model::Event event = testing::SomeEvent(kDoor, anchor.id);
    EXPECT_TRUE(model::SameRecord(anchor, model::AnchorOf(event)));
    const bool old = anchor.id <= 40;
    const bool told = !event.user_id.empty() || event.temperature != 0;
    EXPECT_EQ(model::IsWithoutPerson(anchor), old && told) << anchor.id;
  }
}

TEST_F(PeopleTest, WhatIsLeftOfErasedEventsGoesWithTheEvents) {
  Fill();  // forgets a user
  Commit({Next(kDoor).AddSome(1'700).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp first = clock_.Now();
  Commit({Next(kDoor).AddSome(1'300).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp second = clock_.Now();
  AddLater();
  const std::int64_t forgotten = Rows("erased");
  Prune(PeopleBefore(second));
  EXPECT_GT(Rows("erased"), 2'000);
  ExpectSound("people");
  int steps = 0;
  for (bool more = true; more; ++steps) {
    more = Step(EventsBefore(first)).more;
    ExpectSound(absl::StrCat("after step ", steps));
  }
  EXPECT_GT(steps, 3);
  EXPECT_GT(Rows("erased"), 1'000) << "of events that are there";
  Prune(EventsBefore(second));
  EXPECT_EQ(Rows("erased"), forgotten) << "their erasure names all of them";
  ExpectSound("events");
  Open();
  ExpectSound("events, opened again");
}

TEST_F(PeopleTest, PeopleAreNotLookedForAmongPrunedEvents) {
  Fill();
  Commit({Next(kDoor).AddSome(1'700).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp first = clock_.Now();
  Commit({Next(kDoor).AddSome(50).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp second = clock_.Now();
  AddLater();
  const ports::PruneLimits limits{.events_before = first, .people_before = second};
  const auto preview = *store_->PreviewPrune(limits);
  const auto pruned = Prune(limits);
  EXPECT_EQ(pruned.people, preview.people);
  EXPECT_EQ(pruned.events, preview.events);
  EXPECT_LT(pruned.people, 51u);
  EXPECT_GT(pruned.people, 40u);
  ExpectSound("afterwards");
}

TEST_F(PeopleTest, ForgettingBetweenTheStepsOfRetentionVerifies) {
  Fill();
  Commit({Next(kDoor).AddSome(2'500).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp between = clock_.Now();
  AddLater();
  Step(PeopleBefore(between));
  EXPECT_GT(Forget("user-5").events, 50u);
  ExpectSound("forgotten in between");
  Prune(PeopleBefore(between));
  ExpectSound("done");
  EXPECT_EQ(store_->Forget("user-5", "", key_).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace gatelog::store
