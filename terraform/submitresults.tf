module "submitresults" {
  source = "./modules/function"

  project_id  = var.project_id
  region      = var.region
  build       = local.build
  entry_point = "SubmitResults"
  description = "result -> credit -> payout: verifies, credits, opens payouts"

  callers         = local.everybody
  ingress         = local.public_ingress
  timeout_seconds = 60
  instances       = var.public_instances
  concurrency     = 40 # each may recover 50 signatures

  environment = merge(local.common_environment, local.money_environment, {
    PAYOUT_TOPIC = local.topic
  })

  depends_on = [terraform_data.build_ready]
}

resource "google_spanner_database_iam_member" "submitresults" {
  instance = google_spanner_instance.network.name
  database = google_spanner_database.network.name
  role     = "roles/spanner.databaseUser"
  member   = module.submitresults.member
}

resource "google_pubsub_topic_iam_member" "submitresults" {
  topic  = google_pubsub_topic.payouts.name
  role   = "roles/pubsub.publisher"
  member = module.submitresults.member
}
