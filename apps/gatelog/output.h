#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"

namespace gatelog::cli {

enum class Format { kTable, kJson, kJsonl, kCsv };

using Json = nlohmann::ordered_json;

// Where data goes.
class Sink {
 public:
  virtual ~Sink() = default;
  // kAborted without a text: nobody reads any more. kUnknown: the text says why writing failed.
  virtual absl::Status Write(std::string_view text) = 0;
};

// A file descriptor, unbuffered: callers hand over whole lines or pages.
class FileSink final : public Sink {
 public:
  explicit FileSink(int descriptor) : descriptor_(descriptor) {}
  absl::Status Write(std::string_view text) override;

 private:
  const int descriptor_;
};

enum class Tone { kPlain, kAlert, kAlarm };

struct Column {
  std::string title;          // "LAST ID"
  bool right = false;         // numbers
  bool toned = false;         // shown in the record's tone
  std::size_t width_min = 0;  // for live tables, whose later rows are not known yet
};

// One thing to show: cells for a table, an object for everything else.
struct Record {
  std::vector<std::string> cells;  // as many as there are columns; escaped here
  Json json;
  Tone tone = Tone::kPlain;
};

// What a list of records looks like.
struct Layout {
  std::vector<Column> columns;
  // CSV column and where its value stands in the record's object: {"user", "/event/userID"}.
  std::vector<std::pair<std::string, std::string>> csv;
};

struct OutputOptions {
  Format format = Format::kTable;
  bool colour = false;
  bool live = false;  // records come one by one: show each at once, and JSON as one object a line
};

// Shows records as a table, as one JSON array, as JSON lines or as CSV. Column widths come from the
// first kMeasuredRows records; a later wider cell only widens what follows. Not for several
// threads.
class RecordWriter {
 public:
  RecordWriter(Layout layout, OutputOptions options, Sink& sink);

  absl::Status Add(const Record& record);
  // Shows what is held back; with live options after every batch.
  absl::Status Flush();
  // Completes the document. Call once, last.
  absl::Status Finish();
  std::size_t count() const { return count_; }

 private:
  void Measure(const std::vector<std::string>& cells);
  void AppendTableRow(const std::vector<std::string>& cells, Tone tone, bool title);
  void AppendHeldRows();
  void AppendCsvRow(const Json& json);

  const Layout layout_;
  const OutputOptions options_;
  Sink& sink_;
  struct HeldRow {
    std::vector<std::string> cells;
    Tone tone;
  };
  std::vector<HeldRow> held_;
  std::vector<std::size_t> widths_;
  std::string buffer_;
  std::size_t count_ = 0;
  bool began_ = false;
};

inline constexpr std::size_t kMeasuredRows = 1'000;
inline constexpr std::size_t kCellWidthMax = 80;       // columns; a longer cell is cut
inline constexpr std::size_t kBufferSize = 64 * 1024;  // bytes collected before they are written

// "label  value" lines, the labels aligned; pairs with an empty value are left out.
std::string FormatPairs(const std::vector<std::pair<std::string, std::string>>& pairs);

// A whole JSON document, indented, with every control character escaped.
std::string FormatJson(const Json& json);
// The same on one line.
std::string FormatJsonLine(const Json& json);

// "1,234,567".
std::string FormatCount(std::uint64_t count);

// kInvalidArgument for anything but table, json, jsonl, csv.
absl::Status ParseFormat(std::string_view text, Format* format);

}  // namespace gatelog::cli
