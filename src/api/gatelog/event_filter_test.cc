#include "api/gatelog/event_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "core/query/code_set.h"
#include "model/event_code.h"

namespace gatelog::api {
namespace {

using core::CodeSet;
using ports::CodeChoice;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What the refusal says; it must be kInvalidArgument.
std::string Refusal(const v1::Filter& filter) {
  const absl::Status status = ToEventFilter(filter).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << filter.ShortDebugString();
  return std::string(status.message());
}

ports::EventFilter Accepted(const v1::Filter& filter) {
  const auto result = ToEventFilter(filter);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.value_or(ports::EventFilter());
}

// Whether the filter's codes let an event of this pair pass.
bool Passes(const ports::EventFilter& filter, std::uint32_t code, std::uint32_t sub_code) {
  for (const CodeChoice& choice : filter.codes) {
    const auto& subs = choice.sub_codes;
    const bool fits = subs.empty() || std::find(subs.begin(), subs.end(), sub_code) != subs.end();
    if (choice.code == code && fits) return true;
  }
  return filter.codes.empty();
}

TEST(EventFilter, MapsEveryField) {
  v1::Filter filter;
  filter.add_log_device_ids(1);
  filter.add_device_ids(2);
  filter.add_user_ids("anna");
  filter.add_user_ids("");
  filter.add_event_codes(0x1300);
  filter.set_from_s(100);
  filter.set_to_s(200);
  filter.set_has_image(true);
  filter.add_entity_ids(3);
  filter.add_tna_keys(16);
  filter.add_cards(std::string("\0\0\x12\x34", 4));
  filter.set_arrival_from_ms(1'000);
  filter.set_arrival_to_ms(2'000);
  filter.set_temperature_from(3'750);
  filter.set_temperature_to(4'000);
  filter.set_epoch(4);
  filter.set_phase(v1::PHASE_BACKLOG);
  filter.set_changed_on_device(true);
  filter.set_first_id(5);
  filter.set_last_id(6);
  const ports::EventFilter expected{.log_devices = {1},
                                    .devices = {2},
                                    .users = {"anna", ""},
                                    .cards = {"\x12\x34"},
                                    .codes = {0x1300},
                                    .entities = {3},
                                    .tna_keys = {16},
                                    .epoch = 4,
                                    .phase = ports::Phase::kBacklog,
                                    .first_id = 5,
                                    .last_id = 6,
                                    .from_s = 100,
                                    .to_s = 200,
                                    .arrival_from = Timestamp(std::chrono::milliseconds(1'000)),
                                    .arrival_to = Timestamp(std::chrono::milliseconds(2'000)),
                                    .temperature_from = 3'750,
                                    .temperature_to = 4'000,
                                    .has_image = true,
                                    .changed_on_device = true};
  EXPECT_EQ(Accepted(filter), expected);
  EXPECT_EQ(Accepted(v1::Filter()), ports::EventFilter());
}

// Who adds a field to the contract must say here what becomes of it.
TEST(EventFilter, NoFieldIsForgotten) { EXPECT_EQ(v1::Filter::descriptor()->field_count(), 23); }

TEST(EventFilter, SubCodesNarrowAndPairsAdd) {
  v1::Filter filter;
  filter.add_event_codes(0x1300);
  filter.add_event_codes(0x1000);
  filter.add_sub_codes(3);
  filter.add_sub_codes(4);
  v1::CodePair& pair = *filter.add_code_pairs();
  pair.set_event_code(0x5000);
  pair.set_sub_code(9);
  EXPECT_THAT(
      Accepted(filter).codes,
      ElementsAre(CodeChoice(0x1000, {3, 4}), CodeChoice(0x1300, {3, 4}), CodeChoice(0x5000, {9})));
  v1::Filter pairs;
  *pairs.add_code_pairs() = pair;
  EXPECT_THAT(Accepted(pairs).codes, ElementsAre(CodeChoice(0x5000, {9})));
}

TEST(EventFilter, CategoriesAndLevelsAreThoseOfTheTable) {
  v1::Filter filter;
  filter.add_categories("Door");
  filter.add_categories("Zone");
  const ports::EventFilter category = Accepted(filter);
  filter.add_levels("alarm");
  const ports::EventFilter both = Accepted(filter);
  bool some = false;
  for (std::uint32_t code = 0; code <= CodeSet::kCodeMax; ++code) {
    const auto nearby = {0u, 1u, 2u, 255u};
    for (const std::uint32_t sub_code : nearby) {
      const auto word = model::EventCategory(code, sub_code);
      const bool right = word == "Door" || word == "Zone";
      const bool alarm = right && model::EventLevel(code, sub_code) == "alarm";
      ASSERT_EQ(Passes(category, code, sub_code), right) << code << "/" << sub_code;
      ASSERT_EQ(Passes(both, code, sub_code), alarm) << code << "/" << sub_code;
      some |= alarm;
    }
  }
  EXPECT_TRUE(some);
}

TEST(EventFilter, CodesAndCategoriesMustBothMatch) {
  v1::Filter filter;
  filter.add_categories("Door");
  filter.add_event_codes(0x5000);
  filter.add_event_codes(0x1300);
  EXPECT_THAT(Accepted(filter).codes, ElementsAre(CodeChoice(0x5000)));
}

// An empty list would let everything pass.
TEST(EventFilter, WhatNothingCanMatchMatchesNothing) {
  v1::Filter filter;
  filter.add_categories("Door");
  filter.add_event_codes(0x1300);
  const ports::EventFilter result = Accepted(filter);
  for (std::uint32_t code = 0; code <= CodeSet::kCodeMax; ++code) {
    ASSERT_FALSE(Passes(result, code, 0));
  }
  v1::Filter calm;  // doors have no such level in a code that is meant
  calm.add_levels("alarm");
  calm.add_event_codes(0x5000);
  EXPECT_FALSE(Passes(Accepted(calm), 0x5000, 0));
}

TEST(EventFilter, RefusesTimesAndBoundsThatCannotBeMeant) {
  const auto refusal = [](auto set) {
    v1::Filter filter;
    set(filter);
    return Refusal(filter);
  };
  EXPECT_THAT(refusal([](auto& f) { f.set_from_s(200), f.set_to_s(200); }), HasSubstr("to_s"));
  EXPECT_THAT(refusal([](auto& f) { f.set_from_s(-1); }), HasSubstr("negative"));
  EXPECT_THAT(refusal([](auto& f) { f.set_to_s(std::int64_t{1} << 40); }), HasSubstr("too large"));
  EXPECT_THAT(refusal([](auto& f) { f.set_arrival_from_ms(2), f.set_arrival_to_ms(1); }),
              HasSubstr("arrival_to_ms"));
  EXPECT_THAT(refusal([](auto& f) { f.set_arrival_to_ms(-1); }), HasSubstr("milliseconds"));
  EXPECT_THAT(refusal([](auto& f) { f.set_temperature_from(2), f.set_temperature_to(1); }),
              HasSubstr("temperature_to"));
  EXPECT_THAT(refusal([](auto& f) { f.set_first_id(2), f.set_last_id(1); }), HasSubstr("last_id"));
  EXPECT_THAT(refusal([](auto& f) { f.set_phase(static_cast<v1::Phase>(9)); }),
              HasSubstr("9 is no phase"));
}

TEST(EventFilter, RefusesValuesThatCannotBeMeant) {
  const auto refusal = [](auto set) {
    v1::Filter filter;
    set(filter);
    return Refusal(filter);
  };
  EXPECT_THAT(refusal([](auto& f) { f.add_event_codes(0x10000); }), HasSubstr("0x10000"));
  EXPECT_THAT(refusal([](auto& f) { f.add_event_codes(1), f.add_sub_codes(256); }),
              HasSubstr("sub code"));
  EXPECT_THAT(refusal([](auto& f) { f.add_sub_codes(1); }), HasSubstr("event_codes"));
  EXPECT_THAT(refusal([](auto& f) { f.add_code_pairs()->set_event_code(0x10000); }),
              HasSubstr("0x10000"));
  EXPECT_THAT(refusal([](auto& f) { f.add_code_pairs()->set_sub_code(256); }), HasSubstr("0x100"));
  EXPECT_THAT(refusal([](auto& f) { f.add_categories("door"); }), HasSubstr("Door"));
  EXPECT_THAT(refusal([](auto& f) { f.add_levels("fatal"); }), HasSubstr("alarm"));
  EXPECT_THAT(refusal([](auto& f) { f.add_tna_keys(0); }), HasSubstr("T&A key"));
  EXPECT_THAT(refusal([](auto& f) { f.add_tna_keys(17); }), HasSubstr("T&A key"));
  EXPECT_THAT(refusal([](auto& f) { f.add_entity_ids(0); }), HasSubstr("entity_ids"));
  EXPECT_THAT(refusal([](auto& f) { f.add_cards(std::string(2, '\0')); }), HasSubstr("zeros"));
  EXPECT_THAT(refusal([](auto& f) { f.add_cards(std::string(kFilterCardSizeMax + 1, 'x')); }),
              HasSubstr("257"));
  EXPECT_THAT(refusal([](auto& f) { f.add_user_ids(std::string(kFilterUserSizeMax + 1, 'x')); }),
              HasSubstr("257"));
}

TEST(EventFilter, RefusesLongLists) {
  const v1::Filter empty;
  const auto* descriptor = v1::Filter::descriptor();
  int lists = 0;
  for (int i = 0; i < descriptor->field_count(); ++i) {
    const auto* field = descriptor->field(i);
    if (!field->is_repeated()) continue;
    ++lists;
    v1::Filter filter;
    for (int k = 0; k <= kFilterValuesMax; ++k) {
      switch (field->cpp_type()) {
        case google::protobuf::FieldDescriptor::CPPTYPE_UINT32:
          filter.GetReflection()->AddUInt32(&filter, field, 1);
          break;
        case google::protobuf::FieldDescriptor::CPPTYPE_STRING:
          filter.GetReflection()->AddString(&filter, field, "1");
          break;
        default:
          filter.GetReflection()->AddMessage(&filter, field);
      }
    }
    EXPECT_THAT(Refusal(filter), HasSubstr(field->name()));
  }
  EXPECT_EQ(lists, 11);
}

}  // namespace
}  // namespace gatelog::api
