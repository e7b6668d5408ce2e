#pragma once

#include <fmt/format.h>

#include <initializer_list>
#include <string>
#include <string_view>

#include "absl/strings/string_view.h"

namespace gatelog {

// A named value beside a log line's sentence.
struct LogField {
  template <typename T>
  LogField(std::string_view name, const T& field) : key(name), value(fmt::format("{}", field)) {}

  LogField(std::string_view name, absl::string_view field) : key(name), value(field) {}

  std::string_view key;
  std::string value;
};

enum class LogLevel { kTrace, kDebug, kInfo, kWarn, kError, kNone };

// A log line is a sentence and its fields, on stderr: `Device connected. device=541000001
// address=127.0.0.1:51211`. Values with spaces are quoted, control characters escaped. Any thread.
void Log(LogLevel level, std::string_view sentence, std::initializer_list<LogField> fields = {});

inline void LogInfo(std::string_view sentence, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kInfo, sentence, fields);
}
inline void LogWarn(std::string_view sentence, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kWarn, sentence, fields);
}
inline void LogError(std::string_view sentence, std::initializer_list<LogField> fields = {}) {
  Log(LogLevel::kError, sentence, fields);
}

// Lines below this level are not written. Any thread.
void SetLogLevel(LogLevel level);

}  // namespace gatelog
