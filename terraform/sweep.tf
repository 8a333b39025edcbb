module "sweep" {
  source = "./modules/function"

  project_id  = var.project_id
  region      = var.region
  build       = local.build
  entry_point = "Sweep"
  description = "what got stuck goes on, every minute; exports accepted results"

  callers         = { scheduler = local.scheduler_member }
  timeout_seconds = 120
  instances       = { min = 0, max = 2 }
  concurrency     = 1

  environment = merge(local.common_environment, {
    PAYOUT_TOPIC      = local.topic
    RESULT_LOG_BUCKET = google_storage_bucket.results.name
  })

  depends_on = [terraform_data.build_ready]
}

resource "google_spanner_database_iam_member" "sweep" {
  instance = google_spanner_instance.network.name
  database = google_spanner_database.network.name
  role     = "roles/spanner.databaseUser"
  member   = module.sweep.member
}

resource "google_pubsub_topic_iam_member" "sweep" {
  topic  = google_pubsub_topic.payouts.name
  role   = "roles/pubsub.publisher"
  member = module.sweep.member
}

# It creates files and compares one that is there; it replaces and deletes none.
resource "google_storage_bucket_iam_member" "sweep" {
  for_each = toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])

  bucket = google_storage_bucket.results.name
  role   = each.value
  member = module.sweep.member
}
