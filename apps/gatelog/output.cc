#include "apps/gatelog/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "apps/gatelog/escape.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr std::string_view kColumnGap = "  ";
constexpr int kJsonIndent = 2;
constexpr std::string_view kAlertColour = "\x1b[33m";
constexpr std::string_view kAlarmColour = "\x1b[1;31m";
constexpr std::string_view kTitleColour = "\x1b[2m";
constexpr std::string_view kNoColour = "\x1b[0m";

std::string Dump(const Json& json, int indent) {
  return EscapeJson(json.dump(indent, ' ', false, Json::error_handler_t::replace));
}

std::string CsvValue(const Json& json, const std::string& pointer) {
  const Json::json_pointer place(pointer);
  if (!json.contains(place)) return "";
  const Json& value = json.at(place);
  if (value.is_null()) return "";
  if (value.is_string()) return CsvField(value.get<std::string>());
  return CsvField(Dump(value, -1));
}

std::string_view ColourOf(Tone tone) {
  if (tone == Tone::kAlarm) return kAlarmColour;
  return tone == Tone::kAlert ? kAlertColour : std::string_view();
}

}  // namespace

absl::Status FileSink::Write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EPIPE) return absl::AbortedError("");
    if (written < 0) {
      return absl::UnknownError(absl::StrCat("Writing the output failed: ", strerror(errno), "."));
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return absl::OkStatus();
}

RecordWriter::RecordWriter(Layout layout, OutputOptions options, Sink& sink)
    : layout_(std::move(layout)), options_(options), sink_(sink) {
  for (const Column& column : layout_.columns) {
    const std::size_t expected = options_.live ? column.width_min : 0;
    widths_.push_back(std::max(expected, DisplayWidth(column.title)));
  }
}

absl::Status RecordWriter::Add(const Record& record) {
  ++count_;
  switch (options_.format) {
    case Format::kTable: {
      std::vector<std::string> cells;
      for (const std::string& cell : record.cells) {
        cells.push_back(Shorten(EscapeText(cell), kCellWidthMax));
      }
      held_.push_back({std::move(cells), record.tone});
      if (held_.size() >= kMeasuredRows) AppendHeldRows();
      break;
    }
    case Format::kJson:
      if (!options_.live) {
        buffer_ += began_ ? ",\n" : "[\n";
        buffer_ += Dump(record.json, -1);
        began_ = true;
        break;
      }
      [[fallthrough]];
    case Format::kJsonl:
      buffer_ += Dump(record.json, -1) + "\n";
      break;
    case Format::kCsv:
      AppendCsvRow(record.json);
      break;
  }
  if (options_.live || buffer_.size() >= kBufferSize) return Flush();
  return absl::OkStatus();
}

absl::Status RecordWriter::Flush() {
  if (options_.live) AppendHeldRows();
  std::string text;
  text.swap(buffer_);
  return sink_.Write(text);
}

absl::Status RecordWriter::Finish() {
  AppendHeldRows();
  if (options_.format == Format::kJson && !options_.live) buffer_ += began_ ? "\n]\n" : "[]\n";
  if (options_.format == Format::kCsv && !began_) AppendCsvRow(Json());
  return Flush();
}

void RecordWriter::Measure(const std::vector<std::string>& cells) {
  for (std::size_t i = 0; i < widths_.size() && i < cells.size(); ++i) {
    widths_[i] = std::max(widths_[i], DisplayWidth(cells[i]));
  }
}

void RecordWriter::AppendHeldRows() {
  if (held_.empty()) return;
  for (const HeldRow& row : held_) Measure(row.cells);
  if (!began_) {
    std::vector<std::string> titles;
    for (const Column& column : layout_.columns) titles.push_back(column.title);
    AppendTableRow(titles, Tone::kPlain, true);
    began_ = true;
  }
  for (const HeldRow& row : held_) AppendTableRow(row.cells, row.tone, false);
  held_.clear();
}

void RecordWriter::AppendTableRow(const std::vector<std::string>& cells, Tone tone, bool title) {
  std::size_t used = cells.size();  // no blanks after the last cell that says something
  while (used > 0 && cells[used - 1].empty()) --used;
  if (title && options_.colour) buffer_ += kTitleColour;
  for (std::size_t i = 0; i < used; ++i) {
    const Column& column = layout_.columns[i];
    const std::string blanks(widths_[i] - std::min(widths_[i], DisplayWidth(cells[i])), ' ');
    const std::string_view colour =
        options_.colour && column.toned ? ColourOf(tone) : std::string_view();
    if (i > 0) buffer_ += kColumnGap;
    if (column.right) buffer_ += blanks;
    buffer_ += colour;
    buffer_ += cells[i];
    if (!colour.empty()) buffer_ += kNoColour;
    if (!column.right && i + 1 < used) buffer_ += blanks;
  }
  if (title && options_.colour) buffer_ += kNoColour;
  buffer_ += '\n';
}

void RecordWriter::AppendCsvRow(const Json& json) {
  const auto append = [this](std::size_t i, const std::string& field) {
    if (i > 0) buffer_ += ',';
    buffer_ += field;
  };
  if (!began_) {
    for (std::size_t i = 0; i < layout_.csv.size(); ++i) append(i, layout_.csv[i].first);
    buffer_ += "\r\n";
    began_ = true;
  }
  if (json.is_null()) return;
  for (std::size_t i = 0; i < layout_.csv.size(); ++i) {
    append(i, CsvValue(json, layout_.csv[i].second));
  }
  buffer_ += "\r\n";
}

std::string FormatPairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  std::size_t width = 0;
  for (const auto& [label, value] : pairs) width = std::max(width, DisplayWidth(label));
  std::string text;
  for (const auto& [label, value] : pairs) {
    if (value.empty()) continue;
    text += label + std::string(width - DisplayWidth(label), ' ');
    text += std::string(kColumnGap) + EscapeText(value) + "\n";
  }
  return text;
}

std::string FormatJson(const Json& json) { return Dump(json, kJsonIndent) + "\n"; }

std::string FormatJsonLine(const Json& json) { return Dump(json, -1) + "\n"; }

std::string FormatCount(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

absl::Status ParseFormat(std::string_view text, Format* format) {
  constexpr std::pair<std::string_view, Format> kFormats[] = {{"table", Format::kTable},
                                                              {"json", Format::kJson},
                                                              {"jsonl", Format::kJsonl},
                                                              {"csv", Format::kCsv}};
  for (const auto& [name, value] : kFormats) {
    if (name != text) continue;
    *format = value;
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError("-o takes table, json, jsonl or csv.");
}

}  // namespace gatelog::cli
