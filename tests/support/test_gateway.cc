#include "tests/support/test_gateway.h"

#include <future>

#include "tests/support/records.h"

namespace gatelog::testing {

TestGateway::TestGateway() {
  ingest.OnCommitted([this](std::uint64_t seq) { reader.OnCommitted(seq); });
  core::Fleet::Options options;
  options.reconnect = {.delay_min = std::chrono::milliseconds(10),
                       .delay_max = std::chrono::milliseconds(50)};
  fleet = std::make_unique<core::Fleet>(core::Fleet::Parts{.loop = loop,
                                                           .registry_worker = *writer,
                                                           .clock = clock,
                                                           .dialers = {{"terminal", &terminals}},
                                                           .registry = store,
                                                           .ingest = ingest,
                                                           .live = live,
                                                           .status = status},
                                        options);
  access = std::make_unique<core::LogAccess>(loop, *fleet, reader, core::LogAccess::Options{});
  calls = std::make_unique<core::DeviceCalls>(loop, *fleet, core::DeviceCalls::Options{});
  loop.Start();
}

// In the order of the real one: while the loop runs, it may hand something to the writer.
TestGateway::~TestGateway() {
  loop.Stop();
  writer.reset();
  readers.reset();
  calls.reset();
  access.reset();
  fleet.reset();
}

void TestGateway::AddTerminal(model::DeviceId id, int records) {
  OnLoop([&] {
    terminals.Add(id);
    for (int i = 0; i < records; ++i)
      terminals.Record(id, SomeEvent(id, static_cast<model::EventId>(i + 1)));
  });
}

void TestGateway::AddLinked(model::DeviceId id, int records) {
  AddTerminal(id, records);
  std::promise<absl::StatusOr<model::DeviceId>> added;
  OnLoop([&] {
    fleet->Add(
        FakeTerminals::AddressOf(id), true,
        [&added](absl::StatusOr<model::DeviceId> result) { added.set_value(std::move(result)); });
  });
  const absl::StatusOr<model::DeviceId> result = added.get_future().get();
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_TRUE(Eventually([&] { return Find(id).stored >= static_cast<std::uint64_t>(records); }));
}

core::DeviceSnapshot TestGateway::Find(model::DeviceId id) {
  core::DeviceSnapshot snapshot;
  OnLoop([&] {
    if (auto found = fleet->Find(id); found.ok()) snapshot = *std::move(found);
  });
  return snapshot;
}

}  // namespace gatelog::testing
