# As whom, and into which repository, the cloud builds the functions. Left out,
# it would be the project's default account, which may do nearly everything.
resource "google_service_account" "build" {
  account_id   = "functions-build"
  display_name = "What builds the functions"

  depends_on = [google_project_service.api]
}

resource "google_artifact_registry_repository" "functions" {
  location      = var.region
  repository_id = "functions"
  format        = "DOCKER"
  description   = "Images of the functions, and the build's cache"

  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 5
    }
  }
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      older_than = "2592000s"
    }
  }

  depends_on = [google_project_service.api]
}

locals {
  build_email  = "${google_service_account.build.account_id}@${var.project_id}.iam.gserviceaccount.com"
  build_member = "serviceAccount:${local.build_email}"

  build = {
    bucket            = google_storage_bucket.source.name
    object            = google_storage_bucket_object.source.name
    service_account   = "projects/${var.project_id}/serviceAccounts/${local.build_email}"
    docker_repository = "projects/${var.project_id}/locations/${var.region}/repositories/${google_artifact_registry_repository.functions.repository_id}"
  }
}

resource "google_storage_bucket_iam_member" "build_reads_source" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = local.build_member
}

resource "google_artifact_registry_repository_iam_member" "build_writes_images" {
  location   = var.region
  repository = google_artifact_registry_repository.functions.repository_id
  role       = "roles/artifactregistry.writer"
  member     = local.build_member
}

# Cloud Functions copies the source into a bucket that it makes itself, with
# the first function, so that it can only be named in a condition.
resource "google_project_iam_member" "build_reads_copies" {
  project = var.project_id
  role    = "roles/storage.objectViewer"
  member  = local.build_member

  condition {
    title      = "functions-sources"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${local.project_number}-${var.region}\")"
  }
}

resource "google_project_iam_member" "build_logs" {
  project = var.project_id
  role    = "roles/logging.logWriter"
  member  = local.build_member
}

locals {
  # The project's number is in the names of Google's own accounts and buckets.
  # A bucket knows it, so nobody has to give it and nothing has to be looked up.
  project_number = google_storage_bucket.source.project_number
}

# No function is built before its builder may.
resource "terraform_data" "build_ready" {
  depends_on = [
    google_storage_bucket_iam_member.build_reads_source,
    google_artifact_registry_repository_iam_member.build_writes_images,
    google_project_iam_member.build_reads_copies,
    google_project_iam_member.build_logs,
  ]
}
