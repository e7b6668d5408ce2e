#pragma once

#include <string>

namespace gatelog::testing {

// SQL that makes a store what earlier versions of its tables would be with the same events. Anchors
// stay as they are, which version 1 and 2 would not know.

// Of a store whose events are of one period of salts, and without any that tells of a person whom
// it does not name: those had the store's salt.
inline std::string BackToVersion3() {
  return "DROP TABLE accepted; DROP TABLE device_trust; "
         "ALTER TABLE device DROP COLUMN tls; ALTER TABLE device DROP COLUMN calls_in; "
         "DROP TABLE pruned_record; "
         "DROP TABLE index_segment; DROP TABLE posting; DROP TABLE hour_count; "
         "DROP VIEW events; "
         "CREATE TABLE old_person (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL UNIQUE, "
         "salt BLOB NOT NULL DEFAULT x'') STRICT; "
         "INSERT INTO old_person SELECT id, user_id, salt FROM person WHERE user_id IS NOT NULL; "
         "UPDATE event SET person = NULL WHERE person NOT IN (SELECT id FROM old_person); "
         "UPDATE image SET person = NULL WHERE person NOT IN (SELECT id FROM old_person); "
         "DROP TABLE person; ALTER TABLE old_person RENAME TO person; "
         "CREATE VIEW events AS SELECT e.seq, p.user_id FROM event AS e "
         "LEFT JOIN person AS p ON p.id = e.person; "
         "CREATE UNIQUE INDEX event_key ON event (log_device, epoch, id); "
         "CREATE INDEX event_person ON event (person) WHERE person IS NOT NULL; "
         "CREATE INDEX event_image ON event (log_device, epoch, id) WHERE flags & 1; "
         "PRAGMA user_version = 3;";
}

inline std::string BackToVersion2() {
  return BackToVersion3() +
         "DROP VIEW events; DROP VIEW image_absences; DROP INDEX image_person; "
         "DROP TABLE secret; DROP TABLE block; DROP TABLE entry; DROP TABLE seal; "
         "DROP TABLE seal_manifest; DROP TABLE erased; DROP TABLE erased_image; "
         "ALTER TABLE event DROP COLUMN mark; ALTER TABLE person DROP COLUMN salt; "
         "ALTER TABLE image DROP COLUMN person; "
         "ALTER TABLE log_state DROP COLUMN epoch_events; "
         "ALTER TABLE log_state DROP COLUMN epoch_gaps; "
         "ALTER TABLE log_state DROP COLUMN epoch_missing; "
         "ALTER TABLE epoch DROP COLUMN events; ALTER TABLE epoch DROP COLUMN gaps; "
         "ALTER TABLE epoch DROP COLUMN missing; PRAGMA user_version = 2;";
}

inline std::string BackToVersion1() {
  return BackToVersion2() +
         "DROP TABLE image_absence; DROP INDEX event_image; "
         "ALTER TABLE log_state DROP COLUMN images_wanted; "
         "ALTER TABLE log_state DROP COLUMN images_absent; PRAGMA user_version = 1;";
}

}  // namespace gatelog::testing
