locals {
  spend_log_bucket = var.spend_log_bucket != "" ? var.spend_log_bucket : one(google_storage_bucket.spend_logs[*].name)
}

# The source that the functions are built from. Named by its content: a new
# source is a new object, and deploys the functions again; the same one does not.
resource "google_storage_bucket" "source" {
  name                        = "${var.project_id}-functions-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket_object" "source" {
  bucket = google_storage_bucket.source.name
  name   = "${filesha256(var.source_archive)}.zip"
  source = var.source_archive
}

# Accepted results, a file a part, never changed (shared/resultlog). Cloud
# Storage keeps either versions of an object or a retention period; under the
# latter nobody can replace or delete a file, so that there are no versions.
resource "google_storage_bucket" "results" {
  name                        = "${var.project_id}-result-log"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  retention_policy {
    retention_period = var.result_log_retention_days * 86400
  }

  # After a quarter they are read for an audit, if at all.
  lifecycle_rule {
    action {
      type          = "SetStorageClass"
      storage_class = "COLDLINE"
    }
    condition {
      age = 90
    }
  }

  depends_on = [google_project_service.api]
}

resource "google_storage_bucket_iam_member" "result_readers" {
  for_each = var.result_log_readers

  bucket = google_storage_bucket.results.name
  role   = "roles/storage.objectViewer"
  member = each.value
}

# What wallets have paid for LLM calls, a file a day, unless there is a bucket.
# A day's file grows by being replaced, so its older versions are kept a while.
resource "google_storage_bucket" "spend_logs" {
  count = var.spend_log_bucket == "" ? 1 : 0

  name                        = "${var.project_id}-spend-logs"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  versioning {
    enabled = true
  }
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
    }
  }

  depends_on = [google_project_service.api]
}
