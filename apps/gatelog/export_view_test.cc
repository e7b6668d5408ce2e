#include "apps/gatelog/export_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gsdk/event.pb.h"

namespace gatelog::cli {
namespace {

using ::testing::HasSubstr;

class TextSink final : public Sink {
 public:
  absl::Status Write(std::string_view written) override {
    text += written;
    return absl::OkStatus();
  }
  std::string text;
};

class ExportViewTest : public testing::Test {
 protected:
  ExportViewTest() {
    event_.set_id(40'213);
    event_.set_timestamp(1'795'420'800);  // 2026-11-23 08:00:00 UTC
    event_.set_deviceid(541'000'002);
    event_.set_eventcode(0x1300);
    event_.set_subcode(3);
    event_.set_userid("1042");
    event_.set_tnakey(gsdk::tna::KEY_2);
  }

  v1::StoredEvent Stored() const {
    v1::StoredEvent stored;
    stored.set_seq(7);
    stored.set_log_device_id(541'000'001);
    stored.set_epoch(2);
    stored.set_arrival_ms(1'795'420'801'500);
    stored.set_phase(v1::PHASE_LIVE);
    stored.set_event(event_.SerializeAsString());
    return stored;
  }
  static std::string Csv(const Layout& layout, const Record& record) {
    TextSink sink;
    RecordWriter writer(layout, {Format::kCsv, false, false}, sink);
    EXPECT_TRUE(writer.Add(record).ok());
    EXPECT_TRUE(writer.Finish().ok());
    return sink.text;
  }

  gsdk::event::EventLog event_;
  const NamedZone zone_{absl::FixedTimeZone(3'600), "Europe/Berlin"};
};

// Other programs rely on these columns.
TEST_F(ExportViewTest, TheColumnsOfAnExport) {
  EXPECT_EQ(Csv(ExportLayout(), ExportRecord(Stored(), zone_)),
            "time,zone,arrived,device_id,event,category,level,user_id,entity_id,tna_key,"
            "temperature,card,image,changed_on_device,event_code,sub_code,log_device_id,epoch,"
            "event_id,seq,phase,erased\r\n"
            "2026-11-23T09:00:00+01:00,Europe/Berlin,2026-11-23T09:00:01+01:00,541000002,"
            "identified by face,Auth,,1042,,2,,,false,false,0x1300,0x03,541000001,2,40213,7,live,"
            "false\r\n");
}

TEST_F(ExportViewTest, TheColumnsOfAPunch) {
  const auto record = PunchRecord(Stored(), zone_);
  ASSERT_TRUE(record);
  EXPECT_EQ(Csv(PunchLayout(), *record),
            "person,day,time,tna_key,device_id,zone,time_utc,how,log_device_id,epoch,event_id\r\n"
            "1042,2026-11-23,09:00:00,2,541000002,Europe/Berlin,2026-11-23T08:00:00Z,"
            "identified by face,541000001,2,40213\r\n");
}

TEST_F(ExportViewTest, NobodyPunchesNothing) {
  event_.clear_userid();
  EXPECT_FALSE(PunchRecord(Stored(), zone_));
}

// What a device sends must not run in a spreadsheet.
TEST_F(ExportViewTest, FormulasAreOnlyText) {
  for (const char* user : {"=1+1", "+1", "-1", "@SUM(A1)", "\tx"}) {
    event_.set_userid(user);
    EXPECT_THAT(Csv(ExportLayout(), ExportRecord(Stored(), zone_)), HasSubstr(",'")) << user;
    EXPECT_THAT(Csv(PunchLayout(), *PunchRecord(Stored(), zone_)), HasSubstr("\r\n'")) << user;
  }
}

TEST_F(ExportViewTest, MeasuresAndCards) {
  event_.set_temperature(3'654);
  event_.set_carddata(std::string("\0\x0a\x1b", 3));
  event_.set_hasimage(true);
  const Record record = ExportRecord(Stored(), zone_);
  EXPECT_EQ(record.json["temperature"], "36.54");
  EXPECT_EQ(record.json["card"], "0a1b");
  EXPECT_EQ(record.json["image"], true);
}

TEST_F(ExportViewTest, AnObjectHasTheContractsNames) {
  const Json json = ExportObject(Stored(), zone_).json;
  EXPECT_EQ(json["time"], "2026-11-23T09:00:00+01:00");
  EXPECT_EQ(json["zone"], "Europe/Berlin");
  EXPECT_EQ(json["event"]["userID"], "1042");
  EXPECT_EQ(json["seq"], 7);
}

}  // namespace
}  // namespace gatelog::cli
