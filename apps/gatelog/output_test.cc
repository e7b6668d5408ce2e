#include "apps/gatelog/output.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>

#include "apps/gatelog/proto_json.h"
#include "gatelog/v1/events.pb.h"
#include "gsdk/event.pb.h"

namespace gatelog::cli {
namespace {

class TextSink final : public Sink {
 public:
  absl::Status Write(std::string_view part) override {
    text += part;
    return absl::OkStatus();
  }
  std::string text;
};

Layout DoorLayout() {
  return {{{"DOOR", true}, {"STATE", false, true}, {"NOTE"}},
          {{"door", "/door"}, {"state", "/info/state"}, {"extra", "/info/extra"}}};
}

Record DoorRecord(int door, const std::string& state, const std::string& note = "",
                  Tone tone = Tone::kPlain) {
  return {
      {std::to_string(door), state, note}, {{"door", door}, {"info", {{"state", state}}}}, tone};
}

std::string Written(OutputOptions options, const std::vector<Record>& records) {
  TextSink sink;
  RecordWriter writer(DoorLayout(), options, sink);
  for (const Record& record : records) EXPECT_TRUE(writer.Add(record).ok());
  EXPECT_TRUE(writer.Finish().ok());
  return sink.text;
}

TEST(RecordWriterTest, TableColumnsAreAsWideAsTheirContent) {
  EXPECT_EQ(Written({Format::kTable}, {DoorRecord(7, "open"), DoorRecord(12345, "held open", "!")}),
            " DOOR  STATE      NOTE\n"
            "    7  open\n"
            "12345  held open  !\n");
}

TEST(RecordWriterTest, WideCharactersKeepTheColumnsAligned) {
  EXPECT_EQ(Written({Format::kTable}, {DoorRecord(1, "東京", "x"), DoorRecord(2, "Zoë", "y")}),
            "DOOR  STATE  NOTE\n"
            "   1  東京   x\n"
            "   2  Zoë    y\n");
}

TEST(RecordWriterTest, AnEmptyTableIsEmpty) { EXPECT_EQ(Written({Format::kTable}, {}), ""); }

TEST(RecordWriterTest, HostileCellsCannotLeaveTheirRow) {
  EXPECT_EQ(Written({Format::kTable}, {DoorRecord(1, "a\n\x1b[31mb")}),
            "DOOR  STATE         NOTE\n"
            "   1  a\\n\\x1b[31mb\n");
  const std::string table = Written({Format::kTable}, {DoorRecord(1, std::string(5'000, 'x'))});
  EXPECT_LT(table.size(), 3 * kCellWidthMax);
}

TEST(RecordWriterTest, ColourMarksOnlyTheTonedColumnAndOnlyWhenAsked) {
  const std::vector<Record> records = {DoorRecord(1, "forced", "n", Tone::kAlarm)};
  EXPECT_EQ(Written({Format::kTable}, records).find('\x1b'), std::string::npos);
  const std::string coloured = Written({Format::kTable, true}, records);
  EXPECT_NE(coloured.find("\x1b[1;31mforced\x1b[0m  n\n"), std::string::npos) << coloured;
}

TEST(RecordWriterTest, ALiveRowIsShownAtOnceAndTheTitleOnce) {
  TextSink sink;
  RecordWriter writer(DoorLayout(), {Format::kTable, false, true}, sink);
  EXPECT_EQ(sink.text, "");
  ASSERT_TRUE(writer.Add(DoorRecord(1, "open")).ok());
  EXPECT_EQ(sink.text, "DOOR  STATE  NOTE\n   1  open\n");
  ASSERT_TRUE(writer.Add(DoorRecord(2, "shut", "x")).ok());
  EXPECT_EQ(sink.text, "DOOR  STATE  NOTE\n   1  open\n   2  shut   x\n");
}

TEST(RecordWriterTest, JsonIsOneArray) {
  const std::string text = Written({Format::kJson}, {DoorRecord(1, "a\tb"), DoorRecord(2, "c")});
  const auto json = nlohmann::json::parse(text);
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0]["info"]["state"], "a\tb");
  EXPECT_EQ(text.find('\t'), std::string::npos);
  EXPECT_EQ(Written({Format::kJson}, {}), "[]\n");
}

TEST(RecordWriterTest, JsonLinesAndLiveJsonAreOneObjectALine) {
  const std::string expected =
      "{\"door\":1,\"info\":{\"state\":\"a\"}}\n"
      "{\"door\":2,\"info\":{\"state\":\"b\"}}\n";
  const std::vector<Record> records = {DoorRecord(1, "a"), DoorRecord(2, "b")};
  EXPECT_EQ(Written({Format::kJsonl}, records), expected);
  EXPECT_EQ(Written({Format::kJson, false, true}, records), expected);
}

TEST(RecordWriterTest, CsvTakesItsValuesFromTheObject) {
  EXPECT_EQ(Written({Format::kCsv}, {DoorRecord(1, "=cmd()"), DoorRecord(2, "a,b")}),
            "door,state,extra\r\n1,'=cmd(),\r\n2,\"a,b\",\r\n");
  EXPECT_EQ(Written({Format::kCsv}, {}), "door,state,extra\r\n");
}

TEST(RecordWriterTest, LongListsAreNotHeldBack) {
  TextSink sink;
  RecordWriter writer(DoorLayout(), {Format::kTable}, sink);
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(writer.Add(DoorRecord(i, "open")).ok());
  EXPECT_FALSE(sink.text.empty());
  ASSERT_TRUE(writer.Finish().ok());
  EXPECT_EQ(std::ranges::count(sink.text, '\n'), 10'001);
}

TEST(FileSinkTest, AReaderThatWentAwayEndsQuietly) {
  std::signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const absl::Status status = FileSink(ends[1]).Write("x");
  close(ends[1]);
  EXPECT_TRUE(absl::IsAborted(status)) << status;
  EXPECT_EQ(status.message(), "");
}

TEST(FormatTest, CountsHaveSeparators) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1'000), "1,000");
  EXPECT_EQ(FormatCount(12'345'678), "12,345,678");
}

TEST(FormatTest, PairsAreAlignedAndEmptyOnesLeftOut) {
  EXPECT_EQ(FormatPairs({{"a", "1"}, {"long", "x\ny"}, {"none", ""}}), "a     1\nlong  x\\ny\n");
}

TEST(ProtoJsonTest, FieldNamesEnumsBytesAndLargeNumbers) {
  v1::StoredEvent stored;
  stored.set_seq(1'234'567'890'123);
  stored.set_phase(v1::PHASE_LIVE);
  stored.set_event("\x01\xff");
  const Json json = ToJson(stored);
  EXPECT_EQ(json.dump(),
            "{\"seq\":1234567890123,\"log_device_id\":0,\"epoch\":0,\"arrival_ms\":0,"
            "\"phase\":\"PHASE_LIVE\",\"event\":\"Af8=\",\"erased\":false}");
}

TEST(ProtoJsonTest, UnsetMessagesAreLeftOutAndListsAreThere) {
  gsdk::event::EventLog event;
  EXPECT_FALSE(ToJson(event).contains("interlockZoneInfo"));
  event.mutable_interlockzoneinfo()->add_doorids(3);
  event.set_tnakey(static_cast<gsdk::tna::Key>(99));
  const Json json = ToJson(event);
  EXPECT_EQ(json["interlockZoneInfo"]["doorIDs"].dump(), "[3]");
  EXPECT_EQ(json["TNAKey"], 99);
}

}  // namespace
}  // namespace gatelog::cli
