// Retention of people's data: what old events tell of people is gone, with the salts that a guess
// could be tried with, and everything else stays and verifies, at every step.

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/str_cat.h"
#include "store/sqlite/person_table.h"
#include "store/sqlite/schema.h"
#include "store/sqlite/store_restore.h"
#include "tests/evidence/pruned_store.h"
#include "tests/support/older_store.h"

namespace gatelog::store {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using testing::BatchMaker;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr Timestamp kFirstPeriod{milliseconds(1'700'000'000'123)};
constexpr std::string_view kCard =
    "\x62\x04"
    "card";  // field 12
constexpr std::string_view kUnknown =
    "\xA2\x01\x07"
    "unknown";  // field 20

class PeopleTest : public PruningTest {
 protected:
  // The bytes of every file of the store.
  std::string Bytes() const {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      std::ifstream stream(entry.path(), std::ios::binary);
      all += std::string(std::istreambuf_iterator<char>(stream), {});
    }
    return all;
  }
  std::vector<std::string> Column(const std::string& sql) {
    std::vector<std::string> values;
    const auto database = *Database::Open({.path = file(), .read_only = true});
    auto select = database->Prepare(sql);
    EXPECT_TRUE(select.ok()) << select.status() << sql;
    while (*select->Step()) values.emplace_back(select->Bytes(0));
    return values;
  }
  std::vector<ports::StoredEvent> ReadAll(const ports::EventFilter& filter = {}) {
    const auto page = store_->Read({.filter = filter, .limit = 10'000});
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? page->events : std::vector<ports::StoredEvent>();
  }
  // An event that names nobody.
  static model::Event Nobody(std::uint32_t temperature) {
    model::Event event;
    event.timestamp = 1'700'000'000;
    event.device = kDoor;
    event.code = 0x1100;
    event.temperature = temperature;
    return event;
  }
  static model::Event Of(const std::string& user) {
    model::Event event = Nobody(0);
    event.user_id = user;
    return event;
  }
  // The images of events up to that ID.
  void CommitSome(model::EventId through) {
    const ports::LogState state = State(kDoor);
    ports::ImageBatch batch{.log_device = kDoor,
                            .epoch = 1,
                            .expected_image_next = state.image_next,
                            .image_next = through + 1};
    for (model::EventId id = state.image_next; id <= through; ++id) {
      const model::Event event = testing::SomeEvent(kDoor, id);
      if (event.has_image) batch.images.push_back(testing::ImageOf(event));
    }
    ASSERT_TRUE(store_->CommitImages(std::span(&batch, 1))->at(0).ok());
  }
  // What is told of people is gone from the events before `seq`, and nothing else.
  void ExpectErased(const std::vector<ports::StoredEvent>& before, std::uint64_t seq) {
    const std::vector<ports::StoredEvent> after = ReadAll();
    ASSERT_EQ(after.size(), before.size());
    model::SplitEvent split;
    for (std::size_t i = 0; i < after.size(); ++i) {
      SCOPED_TRACE(after[i].seq);
      if (after[i].seq >= seq) {
        EXPECT_EQ(after[i], before[i]);
        continue;
      }
      model::SplitPersonalPart(before[i].event.payload, split);
      ports::StoredEvent expected = before[i];
      expected.erased = before[i].erased || !split.personal_part.empty();
      expected.event.payload = split.public_part;
      expected.event.user_id.clear();
      expected.event.temperature = 0;
      EXPECT_EQ(after[i], expected);
    }
  }
};

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

class PeopleTamperingTest : public PeopleTest {
 protected:
  void Prepare() {
    Commit({Next(kDoor).AddSome(40).Make()});
    Commit({Next(kDoor).AddSome(40).Make()});
    Seal();
    clock_.Move(days(10));
    before_ = clock_.Now();
    AddLater();
    Close();
    std::filesystem::copy_file(file(), saved());
    Open();
    Prune(PeopleBefore(before_));
    Seal();
    Close();
  }
  std::string saved() const { return directory_.path() + "/before.db"; }
  std::string Finding(const std::string& sql) {
    const std::string copy = directory_.path() + "/tampered.db";
    std::filesystem::copy_file(file(), copy, std::filesystem::copy_options::overwrite_existing);
    {
      const auto database = *Database::Open({.path = copy});
      const absl::Status done =
          database->Execute(absl::StrCat("ATTACH '", saved(), "' AS old; ", sql));
      EXPECT_TRUE(done.ok()) << done;
    }
    return std::string(Audit(copy).status().message());
  }

  Timestamp before_;
};

TEST_F(PeopleTamperingTest, WhatIsPutBackOrTakenTooIsFound) {
  Prepare();
  ASSERT_TRUE(Audit().ok()) << Audit().status();
  const std::string put_back =
      "REPLACE INTO person SELECT * FROM old.person WHERE id = (SELECT person FROM old.event WHERE "
      "seq = 41); REPLACE INTO event SELECT * FROM old.event WHERE seq = 41; ";
  EXPECT_THAT(Finding(put_back), HasSubstr("event seq 41"));
  EXPECT_THAT(
      Finding(put_back + "DELETE FROM erased WHERE seq = 41"),
      HasSubstr("event seq 41, device 541000001 epoch 1 ID 41: it tells of a person, though "
                "that was pruned"));
  EXPECT_THAT(Finding("DELETE FROM erased WHERE seq = 41"), HasSubstr("event seq 41"));
  EXPECT_THAT(Finding("UPDATE erased SET commitment = zeroblob(32) WHERE seq = 41"),
              HasSubstr("event seq 41"));
  EXPECT_THAT(Finding("UPDATE erased SET block = block - 1 WHERE seq = 41"),
              HasSubstr("event seq 41 is erased, and no entry says so"));
  EXPECT_THAT(Finding("INSERT INTO erased SELECT 85, block, commitment FROM erased WHERE seq = 41"),
              HasSubstr("event seq 85"));
  EXPECT_THAT(Finding("UPDATE person SET period = period + 1 WHERE id = (SELECT min(person) FROM "
                      "event)"),
              HasSubstr("the period of the person's salt is not what was committed"));
}

// Of an erasure by retention whose oldest events were pruned since, not all rows are there.
TEST_F(PeopleTamperingTest, WhatIsLeftOfAHalfPrunedErasureCannotBeChanged) {
  Commit({Next(kDoor).AddSome(40).Make()});
  Seal();
  clock_.Move(days(10));
  const Timestamp first = clock_.Now();
  Commit({Next(kDoor).AddSome(40).Make()});
  Seal();
  clock_.Move(days(10));
  before_ = clock_.Now();
  AddLater();
  Close();
  std::filesystem::copy_file(file(), saved());
  Open();
  Prune(PeopleBefore(before_));
  EXPECT_EQ(Rows("(SELECT DISTINCT block FROM erased)"), 1);
  Prune(EventsBefore(first));
  ASSERT_TRUE(Audit().ok()) << Audit().status();
  Close();
  const std::string put_back =
      "REPLACE INTO person SELECT * FROM old.person WHERE id = (SELECT person FROM old.event WHERE "
      "seq = 41); REPLACE INTO event SELECT * FROM old.event WHERE seq = 41; ";
  EXPECT_THAT(Finding(put_back + "DELETE FROM erased WHERE seq = 41"), HasSubstr("event seq 41"));
  EXPECT_THAT(Finding("DELETE FROM erased WHERE seq = 41"), HasSubstr("event seq 41"));
  EXPECT_THAT(Finding("INSERT INTO erased SELECT 85, block, commitment FROM erased WHERE seq = 41"),
              HasSubstr("event seq 85"));
  EXPECT_THAT(Finding("INSERT INTO erased SELECT 30, block, commitment FROM erased WHERE seq = 41"),
              HasSubstr("event seq 30"));
}

TEST_F(PeopleTest, AStoreOfVersion3KeepsEverythingAndGetsPeriods) {
  for (int batch = 0; batch < 3; ++batch) {
    BatchMaker maker = Next(kDoor);
    for (int i = 0; i < 700; ++i) {
      maker.Add(i % 5 == 0 ? Nobody(0) : Of(absl::StrCat("user-", i % 40)));
    }
    Commit({maker.Make()});
    Seal();
  }
  Commit({Next(kGate).AddGap(2, model::GapReason::kUnreadable).Add(Of("user-2")).Make()});
  CommitImages(kGate, 3);
  Forget("user-13");
  const std::vector<ports::StoredEvent> before = ReadAll();
  const std::vector<ports::LogState> states = *store_->LoadLogStates();
  const evidence::ChainHead head = store_->chain_head();
  Close();
  {
    const auto database = *Database::Open({.path = file()});
    ASSERT_TRUE(database->Execute(testing::BackToVersion3()).ok());
  }
  EXPECT_EQ(Audit().status().code(), absl::StatusCode::kFailedPrecondition)
      << "says which program brings it up to date";
  {
    const testing::TempDirectory elsewhere;
    const auto restored = RestoreStore(file(), elsewhere.path() + "/restored", false, nullptr);
    ASSERT_TRUE(restored.ok()) << restored.status();
    EXPECT_EQ(restored->report.version, kSchemaVersion);
    EXPECT_EQ(restored->report.events, before.size());
    const auto report = Audit(elsewhere.path() + "/restored/gatelog.db");
    EXPECT_TRUE(report.ok()) << report.status();
  }
  Open();
  EXPECT_EQ(ReadAll(), before);
  EXPECT_EQ(*store_->LoadLogStates(), states);
  EXPECT_EQ(store_->chain_head(), head) << "nothing is chained anew";
  EXPECT_THAT(Column("SELECT DISTINCT period FROM person"), ElementsAre("0"));
  EXPECT_THAT(Column("SELECT count(*) FROM events WHERE user_id = 'user-2'"), ElementsAre("55"));
  ExpectSound("migrated");

  Commit({Next(kDoor).Add(Of("user-2")).Make()});
  EXPECT_THAT(Column(absl::StrCat("SELECT count(*) FROM person WHERE user_id = 'user-2' AND period "
                                  "IN (0, ",
                                  PeriodOf(kFirstPeriod), ")")),
              ElementsAre("2"));
  EXPECT_THAT(ReadAll({.users = {"user-2"}}), SizeIs(56));
  ExpectSound("in use");
  Seal();
  clock_.Move(days(10));
  EXPECT_GT(Prune(PeopleBefore(clock_.Now())).people, 1'600u);
  EXPECT_EQ(Rows("person"), 0);
  ExpectSound("pruned");
}

}  // namespace
}  // namespace gatelog::store
