#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/collector/collector.h"
#include "core/collector/log_record.h"
#include "tests/support/memory_store.h"
#include "tests/support/records.h"

namespace gatelog::core {

inline constexpr model::DeviceId kDevice = 541'000'001;
inline constexpr Timestamp kNow{std::chrono::milliseconds(1'800'000'000'000)};

// A device's log, as the test writes it.
struct Device {
  std::map<model::EventId, std::string> log;
  model::EventId last = 0;
  model::Generation generation = 7;

  // Records `first` to `last`. Another `life` has other records under the same IDs.
  void Write(model::EventId first, model::EventId end, std::uint32_t life = 0) {
    for (model::EventId id = first; id <= end; ++id) {
      model::Event event = testing::SomeEvent(kDevice, id);
      event.timestamp += life;
      Put(id, testing::Encoded(event).payload);
    }
  }
  void WriteCleared(model::EventId id) {
    model::Event event = testing::SomeEvent(kDevice, id);
    event.code = 0x4200;
    Put(id, testing::Encoded(event).payload);
  }
  void Put(model::EventId id, std::string payload) {
    log[id] = std::move(payload);
    last = std::max(last, id);
  }
  void EraseBelow(model::EventId id) { log.erase(log.begin(), log.lower_bound(id)); }
  void EraseFrom(model::EventId id) {
    log.erase(log.lower_bound(id), log.end());
    last = id - 1;
  }

  model::LogStatus Status() const {
    return {log.empty() ? 0 : log.begin()->first, last, generation};
  }
  ports::LogPage Page(const Collector::ReadRequest& request) const {
    ports::LogPage page;
    for (auto record = log.lower_bound(request.from);
         record != log.end() && page.size() < request.max; ++record) {
      page.Append(record->first, record->second);
    }
    page.status = Status();
    return page;
  }
};

// A collector between a device and a store, whose requests are answered when the test says so.
class CollectorTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart({}); }

  void Restart(Collector::Options options) {
    const auto states = store_.LoadLogStates();
    collector_ = std::make_unique<Collector>(
        kDevice, states->empty() ? ports::LogState{} : states->front(), options);
  }

  void Do(Collector::Output output) {
    if (output.commit) commits_.push_back(*std::move(output.commit));
    if (output.read) {
      ASSERT_FALSE(read_) << "one read at a time";
      read_ = output.read;
      reads_.push_back(output.read->from);
    }
    if (output.load) load_ = std::move(output.load);
    if (output.reload) reload_ = true;
    if (!output.drop_link.ok()) dropped_ = output.drop_link;
  }

  void AnswerRead() {
    auto request = *std::exchange(read_, std::nullopt);
    request.max = std::min(request.max, gives_at_most_);
    Do(collector_->OnPage(device_.Page(request), kNow));
  }
  void AnswerLoad() {
    const Collector::LoadRequest request = *std::exchange(load_, std::nullopt);
    auto anchors = store_.ReadAnchors(kDevice, request.ranges);
    ASSERT_TRUE(anchors.ok()) << anchors.status();
    std::sort(anchors->begin(), anchors->end(),
              [](const auto& a, const auto& b) { return a.id < b.id; });
    Do(collector_->OnLoaded(*anchors));
  }
  void AnswerCommit() {
    const ports::Batch batch = std::move(commits_.front());
    commits_.pop_front();
    const auto results = store_.Commit({{batch}});
    Do(collector_->OnCommitted(results.ok() ? results->front() : results.status()));
  }
  void AnswerReload() {
    reload_ = false;
    const auto states = store_.LoadLogStates();
    ASSERT_TRUE(states.ok());
    Do(collector_->OnReloaded(states->empty() ? ports::LogState{} : states->front()));
  }

  // Answers everything that is asked for, until nothing is.
  void Settle() {
    for (int steps = 0; read_ || load_ || !commits_.empty() || reload_; ++steps) {
      ASSERT_LT(steps, 10'000);
      if (read_) {
        AnswerRead();
      } else if (load_) {
        AnswerLoad();
      } else if (!commits_.empty()) {
        AnswerCommit();
      } else {
        AnswerReload();
      }
    }
  }
  void Connect() {
    Do(collector_->OnConnected(device_.Status()));
    Settle();
  }
  void Lose() {
    collector_->OnLinkLost();
    read_.reset();
  }
  void Reconnect() {
    Lose();
    Connect();
  }
  void Push(model::EventId id) {
    const auto record = device_.log.find(id);
    std::optional<model::Anchor> anchor;
    if (record != device_.log.end()) anchor = AnchorOf({record->first, record->second});
    Do(collector_->OnPush(id, anchor));
    Settle();
  }

  // What is stored, as (epoch, ID) in commit order.
  using Stored = std::vector<std::pair<model::Epoch, model::EventId>>;
  Stored stored() const {
    Stored keys;
    for (const auto& event : store_.events()) keys.emplace_back(event.epoch, event.event.id);
    return keys;
  }
  using Gaps = std::vector<std::tuple<model::EventId, model::EventId, model::GapReason>>;
  Gaps gaps() const {
    Gaps gaps;
    for (const model::Gap& gap : store_.gaps()) gaps.emplace_back(gap.first, gap.last, gap.reason);
    return gaps;
  }

  Device device_;
  testing::MemoryStore store_;
  std::unique_ptr<Collector> collector_;
  std::optional<Collector::ReadRequest> read_;
  std::optional<Collector::LoadRequest> load_;
  std::deque<ports::Batch> commits_;
  std::uint32_t gives_at_most_ = UINT32_MAX;  // records in one page
  bool reload_ = false;
  absl::Status dropped_;
  std::vector<model::EventId> reads_;  // where each read began
};

}  // namespace gatelog::core
