#include <gmock/gmock.h>

#include <filesystem>
#include <optional>
#include <random>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/evidence/sealed_store.h"

namespace gatelog::store {
namespace {

using ::testing::HasSubstr;

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
    Finish();
  }
  // With events that tell of nobody any more, some because a user was forgotten and the others
  // because they are old, and such as do.
  void PrepareWithRetention() {
    Fill();
    Seal();
    clock_.Move(std::chrono::days(10));
    const Timestamp between = clock_.Now();
    CommitOf(std::chrono::days(20), 6);
    for (bool more = true; more;) {
      const auto step = store_->PruneSome({.people_before = between}, "a test");
      ASSERT_TRUE(step.ok()) << step.status();
      more = step->more;
    }
    heads_.push_back(evidence::HeadLineOf(Seal()));
    if (::testing::Test::HasFatalFailure()) return;
    Finish();
  }
  void CommitOf(std::chrono::milliseconds later, int events) {
    const Timestamp arrival{std::chrono::milliseconds(1'700'000'000'000) + later};
    Commit({Next(kDoor).AddSome(events).Arrived(arrival).Make(),
            Next(kGate).AddSome(events / 2).Arrived(arrival).Make()});
    Seal();
  }
  void Finish() {
    Close();  // all of it is in the main file now
    auto opened = Database::Open({.path = file()});
    ASSERT_TRUE(opened.ok());
    database_ = *std::move(opened);
    // So that a change of a copy costs no sync.
    ASSERT_TRUE(database_->Execute("PRAGMA journal_mode = DELETE").ok());
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
    const auto of = [&](const std::string& row) {
      return absl::StrCat("(SELECT quote(", absl::StrJoin(rest, ") || quote("), ") FROM ", table,
                          " WHERE ", row, ")");
    };
    if (Column(absl::StrCat("SELECT ", of(a), " = ", of(b))).at(0) == "1") return "";
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
          (*opened)->Execute("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY").ok());
      if (change.sql.empty() || !(*opened)->Execute(change.sql).ok()) return std::nullopt;
    }
    return Audit(copy).status();
  }

  // Each value of each table, one at a time; each row removed, added again and swapped.
  void ExpectEveryChangeFound();

  std::unique_ptr<Database> database_;
  std::mt19937 random_{20'261'123};
};

void Tampering::ExpectEveryChangeFound() {
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

TEST_F(Tampering, EveryChangeOfOneValueIsFound) {
  Prepare();
  ExpectEveryChangeFound();
}

TEST_F(Tampering, EveryChangeAfterRetentionIsFound) {
  PrepareWithRetention();
  ExpectEveryChangeFound();
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
