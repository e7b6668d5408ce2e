#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "apps/gatelog/code_words.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/session.h"
#include "base/status_macros.h"
#include "model/event_code.h"

namespace gatelog::cli {
namespace {

using model::EventCode;

constexpr std::uint32_t kSubCodeMax = 0xFF;

Layout CodeLayout() {
  return {{{"CODE"}, {"SUB"}, {"CATEGORY"}, {"LEVEL"}, {"MEANING", false, true}, {"NAME"}},
          {{"category", "/category"},
           {"event_code", "/event_code"},
           {"sub_code", "/sub_code"},
           {"event_code_str", "/event_code_str"},
           {"sub_code_str", "/sub_code_str"},
           {"level", "/level"},
           {"desc", "/desc"}}};
}

// An entry in the form that clients of the API load.
Json ClientEntry(const EventCode& entry) {
  return {{"event_code", entry.code},
          {"event_code_str", entry.name},
          {"sub_code", entry.sub_code},
          {"sub_code_str", entry.sub_name},
          {"desc", entry.description}};
}

Record CodeRecord(const EventCode& entry) {
  Record record;
  record.cells = {absl::StrFormat("0x%04X", entry.code),
                  absl::StrFormat("0x%02X", entry.sub_code),
                  std::string(entry.category),
                  std::string(entry.level),
                  std::string(entry.description),
                  std::string(entry.sub_name.empty() ? entry.name : entry.sub_name)};
  record.json = ClientEntry(entry);
  record.json["category"] = entry.category;
  record.json["level"] = entry.level;
  record.tone = entry.level == "alarm"   ? Tone::kAlarm
                : entry.level == "alert" ? Tone::kAlert
                                         : Tone::kPlain;
  return record;
}

absl::Status List(Session& session, const std::string& category) {
  std::vector<const EventCode*> chosen;
  for (const EventCode& entry : model::EventCodes()) {
    const absl::string_view own(entry.category.data(), entry.category.size());
    if (category.empty() || absl::EqualsIgnoreCase(own, category)) chosen.push_back(&entry);
  }
  if (chosen.empty()) {
    return UsageError(absl::StrCat("There is no category '", category,
                                   "'. There are Auth, User, Device, Door, Zone and Lift."));
  }
  if (session.format() == Format::kJson) {
    Json entries = Json::array();
    for (const EventCode* entry : chosen) entries.push_back(ClientEntry(*entry));
    return session.out().Write(FormatJson({{"title", model::kEventCodesTitle},
                                           {"version", model::kEventCodesVersion},
                                           {"date", model::kEventCodesDate},
                                           {"entries", std::move(entries)}}));
  }
  RecordWriter writer = session.Writer(CodeLayout());
  for (const EventCode* entry : chosen) GATELOG_RETURN_IF_ERROR(writer.Add(CodeRecord(*entry)));
  return writer.Finish();
}

absl::Status Show(Session& session, const std::string& word, const std::string& sub_word) {
  GATELOG_ASSIGN_OR_RETURN(const CodeFilter filter, ParseCodeWords({word}));
  std::optional<std::uint32_t> sub_code;
  if (!sub_word.empty()) {
    GATELOG_ASSIGN_OR_RETURN(sub_code, ParseNumber(sub_word, kSubCodeMax));
  }
  RecordWriter writer = session.Writer(CodeLayout());
  for (const EventCode& entry : model::EventCodes()) {
    const bool meant =
        filter.whole.contains(entry.code) || filter.pairs.contains({entry.code, entry.sub_code});
    if (!meant) continue;
    if (sub_code && entry.sub_code != *sub_code) continue;
    GATELOG_RETURN_IF_ERROR(writer.Add(CodeRecord(entry)));
  }
  if (writer.count() == 0) {
    return Failed(absl::StrCat("The table does not know ", word, sub_word.empty() ? "" : " ",
                               sub_word, ". Such events are kept and shown by their numbers."));
  }
  return writer.Finish();
}

}  // namespace

void AddCodeCommands(CLI::App& app, Session& session) {
  CLI::App* noun = app.add_subcommand("code", "What event codes mean (needs no gateway)");
  noun->require_subcommand(1);

  auto category = std::make_shared<std::string>();
  CLI::App* list = AddVerb(*noun, "list", "The whole table of event codes",
                           "  gatelog code list --category door\n"
                           "  gatelog code list -o json > event_code.json   the form that API "
                           "clients load\n");
  list->add_option("--category", *category,
                   "only codes about this: auth, user, device, door, zone or lift (default: all)");
  list->callback([&session, category] {
    session.run = [&session, category] { return List(session, *category); };
  });

  auto word = std::make_shared<std::string>();
  auto sub_word = std::make_shared<std::string>();
  CLI::App* show = AddVerb(*noun, "show", "What one code means, or which codes mean a word",
                           "  gatelog code show 0x1300\n"
                           "  gatelog code show 0x1900 3\n"
                           "  gatelog code show \"forced open\"\n");
  show->add_option("CODE", *word, "a code (0x1300 or 4864), its name, or words of its meaning")
      ->required();
  show->add_option("SUB", *sub_word, "its sub code, as 3 or 0x03 (default: every one)");
  show->callback([&session, word, sub_word] {
    session.run = [&session, word, sub_word] { return Show(session, *word, *sub_word); };
  });
}

}  // namespace gatelog::cli
