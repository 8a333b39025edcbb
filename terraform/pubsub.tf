locals {
  # Pub/Sub's own account in this project.
  pubsub_agent = "serviceAccount:service-${local.project_number}@gcp-sa-pubsub.iam.gserviceaccount.com"

  push_email  = "${google_service_account.push.account_id}@${var.project_id}.iam.gserviceaccount.com"
  push_member = "serviceAccount:${local.push_email}"
}

# Hints that a payout may need work. Losing one does no harm: the sweep finds
# the payout.
resource "google_pubsub_topic" "payouts" {
  name = "payouts"

  depends_on = [google_project_service.api]
}

resource "google_pubsub_topic" "payouts_dead" {
  name = "payouts-dead"

  depends_on = [google_project_service.api]
}

# As whom the messages are pushed.
resource "google_service_account" "push" {
  account_id   = "payouts-push"
  display_name = "As whom Pub/Sub calls ProcessPayout"

  depends_on = [google_project_service.api]
}

resource "google_service_account_iam_member" "push_token" {
  service_account_id = "projects/${var.project_id}/serviceAccounts/${local.push_email}"
  role               = "roles/iam.serviceAccountOpenIdTokenCreator"
  member             = local.pubsub_agent

  depends_on = [google_pubsub_topic.payouts] # Google makes the agent with the first topic
}

resource "google_pubsub_subscription" "payouts" {
  count = var.payouts_enabled ? 1 : 0

  name                       = "payouts"
  topic                      = google_pubsub_topic.payouts.id
  ack_deadline_seconds       = local.payout_ack_deadline # longer than the function may run
  message_retention_duration = "86400s"

  push_config {
    push_endpoint = module.processpayout[0].uri
    oidc_token {
      service_account_email = local.push_email
      audience              = module.processpayout[0].uri
    }
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  # With this backoff some 40 minutes; what is wrong for longer needs a person.
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.payouts_dead.id
    max_delivery_attempts = 10
  }
  expiration_policy {
    ttl = "" # never
  }

  depends_on = [google_service_account_iam_member.push_token, google_pubsub_topic_iam_member.dead_letters]
}

# Keeps dead letters for a week, for people; nothing takes them from here.
resource "google_pubsub_subscription" "payouts_dead" {
  name                       = "payouts-dead"
  topic                      = google_pubsub_topic.payouts_dead.id
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

# To bring a message there, Pub/Sub publishes it and takes it from where it was.
resource "google_pubsub_topic_iam_member" "dead_letters" {
  topic  = google_pubsub_topic.payouts_dead.name
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  count = var.payouts_enabled ? 1 : 0

  subscription = google_pubsub_subscription.payouts[0].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
