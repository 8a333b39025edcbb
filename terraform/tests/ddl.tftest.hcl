# How the schema becomes the database.

mock_provider "google" {
  mock_resource "google_storage_bucket" {
    defaults = { project_number = 123456789 }
  }
}

variables {
  project_id       = "test-project"
  treasury_address = "0x1111111111111111111111111111111111111111"
  log_address      = "0x2222222222222222222222222222222222222222"
  source_archive   = "versions.tf"

  # Needed once payouts are enabled.
  log_sender_addresses = ["0x3333333333333333333333333333333333333333"]
  reconcile_from_block = 1000000
}


# Comments of each kind and semicolons in strings, names and comments.
run "statements_are_split_safely" {
  command = plan

  module {
    source = "./modules/ddl"
  }
  variables {
    directory = "./tests/ddl"
  }

  assert {
    condition     = length(output.statements) == 4
    error_message = "want 4 statements: ${jsonencode(output.statements)}"
  }
  assert {
    condition     = output.statements[0] == "CREATE TABLE A ( Id STRING(36) NOT NULL, Note STRING(MAX) DEFAULT ('a;b -- no comment # none /* none */ it\\'s; \"x\"' ), ) PRIMARY KEY (Id)"
    error_message = output.statements[0]
  }
  assert {
    condition     = output.statements[1] == "CREATE INDEX `A;ByNote` ON A (Note)"
    error_message = output.statements[1]
  }
  assert {
    condition     = output.statements[2] == "ALTER TABLE A ADD COLUMN Long STRING(MAX) DEFAULT (\"\"\"one; 'two'\n\"three\" -- four\"\"\" )"
    error_message = output.statements[2]
  }
  assert {
    condition     = output.statements[3] == "CREATE VIEW V SQL SECURITY INVOKER AS SELECT '''it's; -- so''' AS S, r'\\d;' AS R, \"\" AS E"
    error_message = output.statements[3]
  }
}

# What the files say at the beginnings of their lines, in the order of their
# names, is what the statements begin with.
run "the_database_has_the_schema_in_order" {
  command = plan

  assert {
    condition = jsonencode([for s in google_spanner_database.network.ddl : regex("^(?:CREATE|ALTER|DROP)[A-Z_ ]* [A-Z][A-Za-z]*", s)]) == jsonencode(flatten([
      for name in sort(fileset("../spanner-ddl", "*.sql")) : regexall("(?m)^(?:CREATE|ALTER|DROP)[A-Z_ ]* [A-Z][A-Za-z]*", file("../spanner-ddl/${name}"))
    ]))
    error_message = jsonencode([for s in google_spanner_database.network.ddl : substr(s, 0, 50)])
  }
  assert {
    condition     = startswith(google_spanner_database.network.ddl[0], "CREATE TABLE Tasks (") && length(google_spanner_database.network.ddl) >= 18
    error_message = jsonencode([for s in google_spanner_database.network.ddl : substr(s, 0, 50)])
  }
  assert {
    condition     = !anytrue([for s in google_spanner_database.network.ddl : strcontains(s, "--") || strcontains(s, ";") || strcontains(s, "\n")])
    error_message = "comments, semicolons or line breaks are left in the statements"
  }
}

run "the_database_is_protected" {
  command = plan

  assert {
    condition     = google_spanner_database.network.enable_drop_protection && google_spanner_database.network.deletion_protection
    error_message = "the database can be dropped"
  }
  assert {
    condition     = google_spanner_database.network.default_time_zone == "UTC" && google_spanner_database.network.version_retention_period == "7d"
    error_message = "time zone and version retention"
  }
  assert {
    condition     = google_spanner_instance.network.processing_units == 100 && length(google_spanner_instance.network.autoscaling_config) == 0
    error_message = "the pilot's instance has 100 processing units"
  }
}

run "autoscaling" {
  command = plan

  variables {
    spanner_edition     = "ENTERPRISE"
    spanner_autoscaling = { min = 1000, max = 5000 }
  }

  assert {
    condition     = google_spanner_instance.network.autoscaling_config[0].autoscaling_limits[0].min_processing_units == 1000 && google_spanner_instance.network.autoscaling_config[0].autoscaling_limits[0].max_processing_units == 5000
    error_message = "limits"
  }
}
