#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace gatelog::cli {

// Texts that devices send are hostile until escaped: they could move the cursor, recolour the
// screen, hide what follows or, in a spreadsheet, become a formula.

// Harmless on a terminal: control characters, characters that turn the writing direction or cannot
// be seen, and bytes that are not UTF-8 become "\n", "\x1b" or "\u{202e}". Everything else is kept.
std::string EscapeText(std::string_view text);

// A field of a CSV file (RFC 4180): escaped as above, quoted when needed, and with an apostrophe in
// front of a text that a spreadsheet would take for a formula.
std::string CsvField(std::string_view text);

// The same characters as \uXXXX, inside JSON text that is otherwise complete and valid UTF-8.
std::string EscapeJson(std::string_view json);

// How many columns of a terminal the escaped text takes.
std::size_t DisplayWidth(std::string_view text);

// The text, or its beginning and "…" when it is wider than `width_max` columns.
std::string Shorten(std::string_view text, std::size_t width_max);

}  // namespace gatelog::cli
