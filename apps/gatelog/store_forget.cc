#include "absl/strings/str_cat.h"
#include "apps/gatelog/caller_name.h"
#include "apps/gatelog/counted.h"
#include "apps/gatelog/failure.h"
#include "apps/gatelog/store_verbs.h"
#include "base/status_macros.h"

namespace gatelog::cli {
namespace {

constexpr int kForgetTimeout_s = 10 * 60;  // a person's events are rewritten one by one

absl::Status Forget(Session& session, const std::string& user) {
  GATELOG_RETURN_IF_ERROR(session.Confirm(
      absl::StrCat("Take everything out of the store that tells of user ", user,
                   "? It cannot be undone. The terminals and older backups are not touched.")));
  GATELOG_ASSIGN_OR_RETURN(Connection * gateway, session.gateway());
  v1::ForgetRequest request;
  request.set_user_id(user);
  request.set_requested_by(CallerName());
  GATELOG_ASSIGN_OR_RETURN(
      const v1::ForgetResponse response,
      gateway->Call(gateway->store(), &v1::Store::Stub::Forget, request, kForgetTimeout_s));
  if (session.format() != Format::kTable) {
    const Json json{{"events", response.events()},
                    {"images", response.images()},
                    {"files_clean", response.files_clean()}};
    return ShowObject(
        session, json,
        {{"events", "/events"}, {"images", "/images"}, {"files_clean", "/files_clean"}});
  }
  session.Say(absl::StrCat("Forgotten: ", Counted(response.events(), "event"),
                           response.events() == 1 ? " names" : " name", " nobody any more, and ",
                           Counted(response.images(), "image"),
                           response.images() == 1 ? " is" : " are",
                           " gone. What a terminal still holds in its log it will show again only "
                           "to who reads the terminal."));
  if (!response.files_clean()) {
    session.Say(
        "Another program is reading the database, so old pages are still in its write-ahead log; "
        "they leave it within minutes of that program's end.");
  }
  return absl::OkStatus();
}

}  // namespace

void AddStoreForget(CLI::App& noun, Session& session) {
  auto user = std::make_shared<std::string>();
  CLI::App* forget =
      AddVerb(noun, "forget", "Take a person out of the store; the evidence stays whole",
              "  gatelog store forget 4711\n"
              "  gatelog store forget 4711 --yes\n");
  forget->add_option("USER", *user, "the person's user ID")->required();
  forget->callback(
      [&session, user] { session.run = [&session, user] { return Forget(session, *user); }; });
}

}  // namespace gatelog::cli
