#include "store/sqlite/store_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <random>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "store/sqlite/sqlite_store.h"
#include "tests/support/older_store.h"
#include "tests/support/records.h"
#include "tests/support/temp_directory.h"

namespace gatelog::store {
namespace {

using testing::BatchMaker;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TempDirectory;

constexpr model::DeviceId kDoor = 541'000'001;
constexpr model::DeviceId kGate = 541'000'007;

// A store with something of everything that the chain knows, in a data directory of its own.
class StoreAuditTest : public ::testing::Test {
 protected:
  StoreAuditTest() : key_(evidence::SealKey::Make()) { Open(); }

  std::string file() const { return directory_.path() + "/gatelog.db"; }

  void Open() {
    store_.reset();
    auto opened = SqliteStore::Open({.directory = directory_.path(), .readers = 1});
    ASSERT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
  }
  void Close() { store_.reset(); }

  ports::LogState State(model::DeviceId log_device) {
    const auto states = store_->LoadLogStates();
    EXPECT_TRUE(states.ok()) << states.status();
    for (const ports::LogState& state : *states) {
      if (state.log_device == log_device) return state;
    }
    return {.log_device = log_device};
  }
  BatchMaker Next(model::DeviceId log_device) {
    BatchMaker maker(State(log_device));
    if (State(log_device).epoch == 0) maker.OpenEpoch(1, 1);
    return maker;
  }
  void Commit(const std::vector<ports::Batch>& batches) {
    const auto results = store_->Commit(batches);
    ASSERT_TRUE(results.ok()) << results.status();
    for (const absl::Status& result : *results) ASSERT_TRUE(result.ok()) << result;
  }
  void CommitImages(model::DeviceId log_device, model::EventId through) {
    const ports::LogState state = State(log_device);
    ports::ImageBatch batch{.log_device = log_device,
                            .epoch = state.epoch,
                            .expected_image_next = state.image_next,
                            .image_next = through + 1};
    for (model::EventId id = state.image_next; id <= through; id += 3) {
      batch.images.push_back(testing::ImageOf(testing::SomeEvent(log_device, id)));
    }
    batch.found = Timestamp(std::chrono::milliseconds(1'700'000'000'000 + log_device));
    for (model::EventId id = state.image_next; id <= through; ++id) {
      if (id % 3 != 0) continue;
      batch.absences.push_back({id, id % 2 == 0 ? model::ImageAbsenceReason::kMismatched
                                                : model::ImageAbsenceReason::kUnreadable});
    }
    const auto results = store_->CommitImages(std::span(&batch, 1));
    ASSERT_TRUE(results.ok() && results->at(0).ok()) << results.status();
  }
  evidence::Seal Seal() {
    const auto seal = store_->AppendSeal(key_);
    EXPECT_TRUE(seal.ok() && seal->has_value()) << seal.status();
    return seal.ok() && seal->has_value() ? **seal : evidence::Seal{};
  }
  ports::Erased Forget(const std::string& user) {
    const auto erased = store_->Forget(user, "an operator", key_);
    EXPECT_TRUE(erased.ok()) << erased.status();
    return erased.ok() ? *erased : ports::Erased{};
  }

  // Every kind of entry, two seals and an erasure's, and a tail without.
  void Fill() {
    Commit({Next(kDoor).AddSome(12).AddGap(3, model::GapReason::kOverwritten).AddSome(4).Make(),
            Next(kGate).AddSome(5).Make()});
    Commit({Next(kDoor).AddGap(1, model::GapReason::kUnreadable).AddSome(3).LiveFrom(21).Make()});
    CommitImages(kDoor, 12);
    heads_.push_back(evidence::HeadLineOf(Seal()));
    Commit({Next(kGate).OpenEpoch(4, 2).AddSome(6).Make()});
    ports::Batch other_generation = Next(kGate).AddSome(2).Make();
    other_generation.after.generation = 9;
    Commit({other_generation});
    ASSERT_TRUE(store_->RecordCleared(kDoor, 23, "tester").ok());
    heads_.push_back(evidence::HeadLineOf(Seal()));
    EXPECT_GT(Forget("user-7").events, 1u);
    CommitImages(kGate, 9);
    Commit(
        {Next(kDoor).AddSome(3).Make(), Next(kGate).AddGap(2, model::GapReason::kAbsent).Make()});
    heads_.push_back(evidence::HeadLineOf(Seal()));
    Commit({Next(kDoor).AddSome(2).Make()});
  }

  AuditOptions Options(const std::string& path) const {
    return {.path = path, .keys = {key_.public_key()}, .heads = heads_};
  }
  absl::StatusOr<AuditReport> Audit(const std::string& path) const {
    return AuditStore(Options(path));
  }
  absl::StatusOr<AuditReport> Audit() const { return Audit(file()); }

  TempDirectory directory_;
  evidence::SealKey key_;
  std::vector<evidence::HeadLine> heads_;
  std::unique_ptr<SqliteStore> store_;
};

TEST_F(StoreAuditTest, ANewStoreVerifies) {
  const auto report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->blocks, 1u);
  EXPECT_EQ(report->entries, 1u);
  EXPECT_EQ(report->events, 0u);
  EXPECT_EQ(report->unsealed_blocks, 1u);
}

TEST_F(StoreAuditTest, AStoreInUseVerifiesAndIsCounted) {
  Fill();
  const auto report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->events, store_->last_seq());
  EXPECT_EQ(report->seals, 4u);
  EXPECT_EQ(report->heads_compared, 3u);
  EXPECT_GT(report->erased_events, 1u);
  EXPECT_GT(report->erased_images, 0u);
  EXPECT_EQ(report->unsealed_blocks, 1u);
  EXPECT_EQ(report->unsealed_events, 2u);
  EXPECT_EQ(report->head, store_->chain_head());
  Open();
  EXPECT_TRUE(Audit().ok()) << Audit().status();
  Seal();
  EXPECT_EQ(Audit()->unsealed_events, 0u);
  EXPECT_EQ(*store_->AppendSeal(key_), std::nullopt) << "nothing was committed since";
}

TEST_F(StoreAuditTest, SealsGoOnAfterARestart) {
  Commit({Next(kDoor).AddSome(5).Make()});
  Seal();
  Commit({Next(kDoor).AddSome(5).Make(), Next(kGate).AddSome(2).Make()});
  Open();  // what was not sealed is known again
  Seal();
  const auto report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->seals, 2u);
}

TEST_F(StoreAuditTest, AnotherKeyIsNamed) {
  Fill();
  AuditOptions options = Options(file());
  options.keys = {evidence::SealKey::Make().public_key()};
  const absl::Status found = AuditStore(options).status();
  EXPECT_EQ(found.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(found.message()), HasSubstr("seal 1 was signed with another key"));
}

// The bytes of every file of the store.
std::string BytesOf(const std::string& directory) {
  std::string all;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::ifstream stream(entry.path(), std::ios::binary);
    all += std::string(std::istreambuf_iterator<char>(stream), {});
  }
  return all;
}

TEST_F(StoreAuditTest, AForgottenUserLeavesNoTraceAndEverythingVerifies) {
  // So many people that their index has several pages, which were split.
  for (int batch = 0; batch < 20; ++batch) {
    BatchMaker maker = Next(kDoor);
    for (int i = 0; i < 50; ++i) {
      model::Event event = testing::SomeEvent(kDoor, maker.next());
      event.user_id = absl::StrCat("somebody-", (batch * 50 + i) * 7'919 % 1'000);
      if (i % 10 == 0) event.user_id = "the-one-who-leaves";
      maker.Add(event);
    }
    Commit({maker.Make()});
  }
  CommitImages(kDoor, 1'000);
  ASSERT_THAT(BytesOf(directory_.path()), HasSubstr("the-one-who-leaves"));
  const std::vector<model::Anchor> anchors = State(kDoor).anchors;

  const ports::Erased erased = Forget("the-one-who-leaves");
  EXPECT_EQ(erased.events, 100u);
  EXPECT_GT(erased.images, 0u);
  EXPECT_TRUE(erased.files_clean);
  EXPECT_THAT(BytesOf(directory_.path()), Not(HasSubstr("the-one-who-leaves")));
  EXPECT_TRUE(Audit().ok()) << Audit().status();
  EXPECT_EQ(Audit()->unsealed_blocks, 0u) << "an erasure is sealed at once";
  EXPECT_EQ(store_->Forget("the-one-who-leaves", "", key_).status().code(),
            absl::StatusCode::kNotFound);

  const auto page = store_->Read({.limit = 1'000});
  ASSERT_TRUE(page.ok());
  for (const ports::StoredEvent& stored : page->events) {
    EXPECT_EQ(stored.erased, (stored.event.id - 1) % 10 == 0);
    EXPECT_EQ(stored.event.user_id.empty(), stored.erased);
    if (stored.erased) {
      EXPECT_EQ(stored.event.temperature, 0u);
    }
  }
  // The device still knows the records by their anchors, and none tells who it was.
  const std::vector<model::Anchor> after = State(kDoor).anchors;
  ASSERT_EQ(after.size(), anchors.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_TRUE(model::SameRecord(after[i], anchors[i]));
    EXPECT_EQ(model::IsWithoutPerson(after[i]), (after[i].id - 1) % 10 == 0);
  }
}

TEST_F(StoreAuditTest, ACollectorCannotBringTheFingerprintBack) {
  BatchMaker maker = Next(kDoor);
  maker.AddSome(40);
  const ports::Batch first = maker.Make();
  Commit({first});
  Forget("user-7");
  // As a collector does that has been running all the time: its anchors still know the user.
  Commit({BatchMaker(first.after).AddSome(5).Make()});
  Open();
  Commit({BatchMaker(State(kDoor)).AddSome(1).Make()});
  int without = 0;
  for (const model::Anchor& anchor : State(kDoor).anchors) {
    if (anchor.id <= 40 && anchor.id % 23 == 7 && anchor.id % 10 != 0) {
      EXPECT_TRUE(model::IsWithoutPerson(anchor)) << anchor.id;
      ++without;
    }
  }
  EXPECT_GT(without, 0);
  // One who comes again is somebody new.
  BatchMaker again = Next(kDoor);
  model::Event event = testing::SomeEvent(kDoor, again.next());
  event.user_id = "user-7";
  again.Add(event);
  Commit({again.Make()});
  const auto page = store_->Read({.filter = {.users = {"user-7"}}});
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->events.size(), 1u);
  EXPECT_TRUE(Audit().ok()) << Audit().status();
}

TEST_F(StoreAuditTest, AnImageThatComesAfterTheErasureIsNotKept) {
  Commit({Next(kDoor).AddSome(30).Make()});
  Forget("user-7");
  CommitImages(kDoor, 28);  // looks at 7 among others
  EXPECT_EQ(store_->ReadImage({kDoor, 1, 7}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store_->ReadImage({kDoor, 1, 4}).ok());
  EXPECT_TRUE(Audit().ok()) << Audit().status();
}

// As version 1 and 2 of the tables knew a record: one FNV-1a over everything, 63 bits.
std::string OldAnchor(const model::Event& event) {
  std::string bytes;
  for (const std::uint32_t number :
       {event.timestamp, event.code, event.sub_code, event.entity_id}) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<char>(number >> shift));
  }
  bytes += event.user_id;
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash &= ~(std::uint64_t{1} << 63);
  std::string anchor;
  for (int i = 0; i < 4; ++i) anchor.push_back(static_cast<char>(event.id >> (8 * i)));
  for (int i = 0; i < 8; ++i) anchor.push_back(static_cast<char>(hash >> (8 * i)));
  return anchor;
}

TEST_F(StoreAuditTest, AnOlderStoreIsPutUnderTheChain) {
  constexpr int kEvents = 10'000;  // more than two blocks of old events
  const ports::Batch batch =
      Next(kDoor).AddGap(2, model::GapReason::kOverwritten).AddSome(kEvents).Make();
  Commit({batch});
  CommitImages(kDoor, 100);
  Commit({Next(kDoor).OpenEpoch(5, 3).AddGap(1, model::GapReason::kUnreadable).Make()});
  Commit({Next(kGate).AddSome(3).Make()});
  const std::vector<model::Anchor> anchors = State(kGate).anchors;
  Close();
  std::string old_anchors;
  for (model::EventId id = 1; id <= 3; ++id) {
    old_anchors += OldAnchor(testing::SomeEvent(kGate, id));
  }
  {
    auto database = Database::Open({.path = file()});
    ASSERT_TRUE(database.ok());
    ASSERT_TRUE((*database)->Execute(testing::BackToVersion1()).ok());
    ASSERT_TRUE(
        (*database)
            ->Execute(absl::StrCat("UPDATE log_state SET anchors = x'", evidence::Hex(old_anchors),
                                   "' WHERE log_device = ", kGate))
            .ok());
  }
  EXPECT_EQ(Audit().status().code(), absl::StatusCode::kFailedPrecondition)
      << "says which program brings it up to date";
  Open();
  auto report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->events, static_cast<std::uint64_t>(kEvents + 3));
  EXPECT_EQ(report->blocks, 4u);
  EXPECT_EQ(State(kGate).anchors, anchors) << "a device would look like a stranger";
  Seal();
  EXPECT_TRUE(Audit().ok()) << Audit().status();

  // As if the first start had been cut short after the first block of events.
  Close();
  {
    auto database = Database::Open({.path = file()});
    ASSERT_TRUE((*database)
                    ->Execute("DELETE FROM block WHERE number > 2; DELETE FROM seal; DELETE FROM "
                              "seal_manifest; UPDATE event SET mark = 0 WHERE seq > 4096")
                    .ok());
  }
  Open();
  report = Audit();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->blocks, 4u);
  Commit({Next(kDoor).AddSome(5).Make()});
  EXPECT_TRUE(Audit().ok()) << Audit().status();
}

// What is added behind the gateway's back is not taken up as if it had been there before the chain.
TEST_F(StoreAuditTest, AnEventThatSomebodyAddedIsNotChainedLater) {
  Commit({Next(kDoor).AddSome(5).Make()});
  Close();
  {
    auto database = Database::Open({.path = file()});
    ASSERT_TRUE(
        (*database)
            ->Execute("INSERT INTO event SELECT 6, log_device, epoch, 6, timestamp, device, "
                      "code, sub_code, person, entity, tna_key, flags, temperature, "
                      "arrival_ms, phase, payload, mark FROM event WHERE seq = 5")
            .ok());
  }
  Open();
  const absl::Status found = Audit().status();
  EXPECT_EQ(std::string(found.message()), "event seq 6 is in no block");
}

// One change to a copy of a store, in SQL.
struct Change {
  std::string what;
  std::string sql;
};

class Tampering : public StoreAuditTest {
 protected:
  void Prepare() {
    Fill();
    if (::testing::Test::HasFatalFailure()) return;
    Close();  // all of it is in the main file now
    auto opened = Database::Open({.path = file()});
    ASSERT_TRUE(opened.ok());
    database_ = *std::move(opened);
  }

  std::vector<std::string> Column(const std::string& sql) {
    std::vector<std::string> values;
    auto select = database_->Prepare(sql);
    EXPECT_TRUE(select.ok()) << select.status() << sql;
    while (*select->Step()) values.emplace_back(select->Bytes(0));
    return values;
  }

  // Condition that picks one row, for each row of the table.
  std::vector<std::string> Rows(const std::string& table) {
    const std::vector<std::string> key = Column(
        absl::StrCat("SELECT name FROM pragma_table_info('", table, "') WHERE pk > 0 ORDER BY pk"));
    std::vector<std::string> parts;
    for (const std::string& column : key) {
      parts.push_back(absl::StrCat("'", column, " = ' || quote(", column, ")"));
    }
    return Column(absl::StrCat("SELECT ", absl::StrJoin(parts, " || ' AND ' || "), " FROM ", table,
                               " ORDER BY ", absl::StrJoin(key, ", ")));
  }

  // What can be done to one value.
  std::vector<std::string> Alterations(const std::string& table, const std::string& column,
                                       const std::string& where) {
    const std::string type =
        Column(absl::StrCat("SELECT typeof(", column, ") FROM ", table, " WHERE ", where)).at(0);
    if (type == "null") return {"1"};
    if (type == "integer") {
      return {absl::StrCat(column, " + 1"), absl::StrCat(column, " + 4294967296"),
              absl::StrCat("-1 - ", column)};
    }
    if (type == "text") return {absl::StrCat(column, " || 'x'"), "'somebody else'"};
    std::vector<std::string> alterations = {absl::StrCat("CAST(", column, " || x'00' AS BLOB)")};
    const std::vector<std::string> hex =
        Column(absl::StrCat("SELECT hex(", column, ") FROM ", table, " WHERE ", where));
    if (hex.at(0).empty()) return alterations;
    for (int i = 0; i < 3; ++i) {
      std::string changed = hex[0];
      char& digit = changed[random_() % changed.size()];
      digit = digit == '0' ? '1' : '0';
      alterations.push_back(absl::StrCat("x'", changed, "'"));
    }
    alterations.push_back(absl::StrCat("x'", hex[0].substr(2), "'"));
    return alterations;
  }

  std::vector<Change> ChangesOf(const std::string& table, const std::set<std::string>& except) {
    std::vector<Change> changes;
    const std::vector<std::string> columns =
        Column(absl::StrCat("SELECT name FROM pragma_table_info('", table, "')"));
    const std::vector<std::string> rows = Rows(table);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::string name = absl::StrCat(table, " ", rows[i]);
      for (const std::string& column : columns) {
        if (except.contains(column)) continue;
        for (const std::string& value : Alterations(table, column, rows[i])) {
          changes.push_back(
              {absl::StrCat(name, ": ", column, " := ", value.substr(0, 60)),
               absl::StrCat("UPDATE ", table, " SET ", column, " = ", value, " WHERE ", rows[i])});
        }
      }
      changes.push_back(
          {name + ": removed", absl::StrCat("DELETE FROM ", table, " WHERE ", rows[i])});
      if (i + 1 < rows.size()) {
        changes.push_back(
            {name + ": swapped with the next", Swap(table, columns, rows[i], rows[i + 1])});
      }
      changes.push_back({name + ": added again", Again(table, columns, rows[i])});
    }
    return changes;
  }

  // Everything but the keys changes places.
  std::string Swap(const std::string& table, const std::vector<std::string>& columns,
                   const std::string& a, const std::string& b) {
    std::vector<std::string> rest;
    for (const std::string& column : columns) {
      if (!absl::StrContains(absl::StrCat(" ", a), absl::StrCat(" ", column, " = "))) {
        rest.push_back(column);
      }
    }
    if (rest.empty()) return "";
    const std::string list = absl::StrJoin(rest, ", ");
    return absl::StrCat("CREATE TEMP TABLE one AS SELECT * FROM ", table, " WHERE ", a,
                        "; CREATE TEMP TABLE two AS SELECT * FROM ", table, " WHERE ", b,
                        "; DELETE FROM ", table, " WHERE ", b, "; UPDATE ", table, " SET (", list,
                        ") = (SELECT ", list, " FROM two) WHERE ", a, "; INSERT INTO ", table,
                        " SELECT * FROM two; UPDATE ", table, " SET (", list, ") = (SELECT ", list,
                        " FROM one) WHERE ", b);
  }

  // A copy of the row under the next free value of the last column of its key.
  std::string Again(const std::string& table, const std::vector<std::string>& columns,
                    const std::string& row) {
    const std::string key = Column(absl::StrCat("SELECT name FROM pragma_table_info('", table,
                                                "') WHERE pk > 0 ORDER BY pk DESC LIMIT 1"))
                                .at(0);
    const bool text = table == "secret" || table == "meta";
    std::vector<std::string> values;
    for (const std::string& column : columns) {
      std::string value = column;
      if (column == key) {
        value = text ? column + " || 'x'"
                     : absl::StrCat("(SELECT max(", key, ") + 1 FROM ", table, ")");
      } else if (table == "event" && column == "id") {
        value = "id + 1000";
      } else if (column == "user_id") {
        value = "user_id || ' again'";
      }
      values.push_back(value);
    }
    return absl::StrCat("INSERT INTO ", table, " SELECT ", absl::StrJoin(values, ", "), " FROM ",
                        table, " WHERE ", row);
  }

  // What the audit says of a copy with the change; OK if it finds nothing. Nothing: the database
  // itself refuses the change, or it changes nothing.
  std::optional<absl::Status> FindingAfter(const Change& change) {
    const std::string copy = directory_.path() + "/tampered.db";
    std::filesystem::copy_file(file(), copy, std::filesystem::copy_options::overwrite_existing);
    {
      auto opened = Database::Open({.path = copy});
      EXPECT_TRUE(opened.ok());
      EXPECT_TRUE(
          (*opened)->Execute("PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF").ok());
      if (change.sql.empty() || !(*opened)->Execute(change.sql).ok()) return std::nullopt;
    }
    return Audit(copy).status();
  }

  std::unique_ptr<Database> database_;
  std::mt19937 random_{20'261'123};
};

TEST_F(Tampering, EveryChangeOfOneValueIsFound) {
  Prepare();
  ASSERT_TRUE(Audit().ok()) << Audit().status();
  const std::vector<std::pair<std::string, std::set<std::string>>> tables = {
      {"event", {}},
      {"person", {}},
      {"gap", {}},
      {"epoch", {}},
      {"image", {}},
      {"image_absence", {}},
      {"log_state", {"anchors"}},  // what a collector compares with; not evidence
      {"block", {}},
      {"entry", {}},
      {"seal", {}},
      {"seal_manifest", {}},
      {"erased", {}},
      {"erased_image", {}},
      {"secret", {"name"}},
      {"meta", {"key"}}};
  int tried = 0;
  int missed = 0;
  int refused = 0;
  for (const auto& [table, except] : tables) {
    for (const Change& change : ChangesOf(table, except)) {
      const std::optional<absl::Status> found = FindingAfter(change);
      if (!found) {
        ++refused;
        continue;
      }
      ++tried;
      missed += found->ok() ? 1 : 0;
      EXPECT_EQ(found->code(), absl::StatusCode::kDataLoss) << change.what << ": " << *found;
    }
  }
  std::printf("%d changes, %d of them not found; %d more are refused by the database itself\n",
              tried, missed, refused);
  EXPECT_GT(tried, 3'000);
}

TEST_F(Tampering, TheFindingNamesWhatWasChanged) {
  Prepare();
  const auto finding = [&](const std::string& sql) {
    const auto found = FindingAfter({sql, sql});
    return found ? std::string(found->message()) : "refused";
  };
  EXPECT_THAT(finding("UPDATE event SET person = 1 + person % 3 WHERE seq = 12"),
              HasSubstr("event seq 12, device 541000001 epoch 1 ID 12: the user ID is not what was "
                        "committed"));
  EXPECT_THAT(finding("UPDATE event SET code = 1 WHERE seq = 3"),
              HasSubstr("event seq 3, device 541000001 epoch 1 ID 3: the code is not what"));
  EXPECT_THAT(finding("DELETE FROM event WHERE seq = 9"), HasSubstr("event seq 9 is missing"));
  EXPECT_THAT(finding("UPDATE event SET arrival_ms = 5 WHERE seq = 9"), HasSubstr("event seq 9"));
  EXPECT_THAT(finding("UPDATE event SET mark = mark + 1 WHERE seq = 9"),
              HasSubstr("event seq 9, device 541000001 epoch 1 ID 9: the mark is not"));
  EXPECT_THAT(finding("UPDATE gap SET reason = 2 WHERE first = 13"),
              HasSubstr("gap of device 541000001 epoch 1 from ID 13: the reason is not"));
  EXPECT_THAT(finding("DELETE FROM gap WHERE first = 13"), HasSubstr("from ID 13 is missing"));
  EXPECT_THAT(finding("UPDATE image SET payload = x'00' WHERE id = 4"),
              HasSubstr("image of device 541000001 epoch 1 ID 4: the picture"));
  EXPECT_THAT(finding("UPDATE log_state SET events = events - 1 WHERE log_device = 541000001"),
              HasSubstr("state of log device 541000001: the number of events is not"));
  EXPECT_THAT(finding("UPDATE seal_manifest SET events = 3 WHERE seal = 2"),
              HasSubstr("seal 2: its manifest is not what was signed"));
  EXPECT_THAT(finding("DELETE FROM seal WHERE number = 2"), HasSubstr("seal 2 is missing"));
  EXPECT_THAT(finding("UPDATE block SET time_ms = 7 WHERE number = 3"),
              HasSubstr("block 3: its time, its numbers or its head"));
  EXPECT_THAT(finding("UPDATE entry SET body = x'00' WHERE block = 2 AND n = 0"),
              HasSubstr("entry 0 of block 2 is not what was committed"));
}

// Someone who has the file can compute every digest again, but not the signatures.
TEST_F(Tampering, AnErasureThatNobodySignedIsFound) {
  Prepare();
  // What a forged erasure of one event needs: the commitment is computed as the gateway would.
  auto select = database_->Prepare(
      "SELECT e.payload, p.salt FROM event AS e JOIN person AS p ON p.id = e.person WHERE seq = 2");
  ASSERT_TRUE(*select->Step());
  model::SplitEvent split;
  model::SplitPersonalPart(select->Bytes(0), split);
  const evidence::Digest commitment =
      evidence::Leaves().Personal(select->Bytes(1), 2, split.personal_part);
  const std::string erase = absl::StrCat(
      "UPDATE event SET person = NULL, temperature = 0, flags = flags | 4, payload = x'",
      evidence::Hex(split.public_part), "' WHERE seq = 2; INSERT INTO erased SELECT 2, block, x'",
      evidence::Hex(evidence::BytesOf(commitment)), "' FROM erased LIMIT 1");
  const auto found = FindingAfter({"forged erasure", erase});
  ASSERT_TRUE(found.has_value());
  EXPECT_THAT(std::string(found->message()), HasSubstr("those that are marked as erased by it are "
                                                       "others"));
}

TEST_F(Tampering, WithoutHeadsKeptElsewhereACutEndIsNotSeen) {
  Prepare();
  // The events that came after the second seal but one, and all that speaks of them.
  const std::string cut =
      "DELETE FROM seal WHERE number = 4; DELETE FROM seal_manifest WHERE seal = 4;";
  const auto with_heads = FindingAfter({"cut", cut});
  ASSERT_TRUE(with_heads.has_value());
  EXPECT_THAT(std::string(with_heads->message()),
              HasSubstr("seal 4 is among the heads that were kept elsewhere and not in the store"));
  heads_.clear();
  EXPECT_TRUE(FindingAfter({"cut", cut})->ok()) << "docs/formats/seal.md says so";
}

TEST_F(Tampering, WhoHoldsTheKeyIsFoundByTheHeadsKeptElsewhere) {
  Fill();
  const std::vector<evidence::HeadLine> kept = heads_;
  // Another store, sealed with the same key, in place of the first.
  Close();
  std::filesystem::remove(file());
  Open();
  Fill();
  heads_.clear();
  ASSERT_TRUE(Audit().ok()) << Audit().status();
  heads_ = kept;
  EXPECT_THAT(std::string(Audit().status().message()),
              HasSubstr("another one than the heads that were kept elsewhere say"));
}

}  // namespace
}  // namespace gatelog::store
