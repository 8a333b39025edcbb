# Messages and jobs: deadlines, retries, dead letters, identities.

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
  payouts_enabled      = true
}

run "pushed_messages" {
  command = apply

  assert {
    condition     = google_pubsub_subscription.payouts[0].ack_deadline_seconds > module.processpayout[0].function.service_config[0].timeout_seconds
    error_message = "a message would come again while it is still worked on"
  }
  assert {
    condition     = "${module.processpayout[0].function.service_config[0].timeout_seconds - 60}s" == module.processpayout[0].function.service_config[0].environment_variables["PAYOUT_ATTEMPT_TIME"]
    error_message = "the function would be stopped in the middle of an attempt"
  }
  assert {
    condition     = google_pubsub_subscription.payouts[0].push_config[0].push_endpoint == module.processpayout[0].uri && google_pubsub_subscription.payouts[0].push_config[0].oidc_token[0].audience == module.processpayout[0].uri
    error_message = "pushed to where, and for whom"
  }
  assert {
    condition     = google_pubsub_subscription.payouts[0].push_config[0].oidc_token[0].service_account_email == "payouts-push@test-project.iam.gserviceaccount.com"
    error_message = "pushed as whom"
  }
  assert {
    condition     = google_pubsub_subscription.payouts[0].dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.payouts_dead.id && google_pubsub_subscription.payouts_dead.topic == google_pubsub_topic.payouts_dead.id
    error_message = "dead letters are lost"
  }
  assert {
    condition     = google_pubsub_subscription.payouts[0].retry_policy[0].minimum_backoff == "10s" && google_pubsub_subscription.payouts[0].expiration_policy[0].ttl == "" && google_pubsub_subscription.payouts_dead.expiration_policy[0].ttl == ""
    error_message = "retries and expiry"
  }
  # Pub/Sub itself moves dead letters and makes tokens, and has to be let.
  assert {
    condition = alltrue([for m in [
      google_pubsub_topic_iam_member.dead_letters.member,
      google_pubsub_subscription_iam_member.dead_letters[0].member,
      google_service_account_iam_member.push_token.member,
    ] : m == "serviceAccount:service-123456789@gcp-sa-pubsub.iam.gserviceaccount.com"])
    error_message = google_pubsub_topic_iam_member.dead_letters.member
  }
}

run "longest_attempt" {
  command = plan

  variables {
    payout_attempt_seconds = 480
  }

  assert {
    condition     = google_pubsub_subscription.payouts[0].ack_deadline_seconds == 600 && google_pubsub_subscription.payouts[0].ack_deadline_seconds > module.processpayout[0].function.service_config[0].timeout_seconds
    error_message = "Pub/Sub waits for 600 seconds at most"
  }
}

run "jobs" {
  command = apply

  assert {
    condition     = { for name, j in google_cloud_scheduler_job.job : name => j.schedule } == { sweep = "* * * * *", reconcile = "*/10 * * * *", refresh-reputation = "20 2 * * *" }
    error_message = "the sweep runs each minute, the comparison every ten, the reputation each day"
  }
  assert {
    condition     = alltrue([for j in google_cloud_scheduler_job.job : j.time_zone == "Etc/UTC" && j.http_target[0].http_method == "POST" && j.http_target[0].oidc_token[0].audience == j.http_target[0].uri])
    error_message = "UTC, POST, with a token for the function"
  }
  assert {
    condition     = alltrue([for name, j in google_cloud_scheduler_job.job : tonumber(trimsuffix(j.attempt_deadline, "s")) >= local.functions[replace(name, "-", "")].function.service_config[0].timeout_seconds && tonumber(trimsuffix(j.attempt_deadline, "s")) <= 1800])
    error_message = "Cloud Scheduler gives up before the function does"
  }
  assert {
    condition     = alltrue([for name, j in google_cloud_scheduler_job.job : j.http_target[0].uri == local.functions[replace(name, "-", "")].uri])
    error_message = "a job calls another function"
  }
}

run "buckets" {
  command = plan

  assert {
    condition     = alltrue([for b in concat([google_storage_bucket.results, google_storage_bucket.source], google_storage_bucket.spend_logs) : b.uniform_bucket_level_access && b.public_access_prevention == "enforced"])
    error_message = "a bucket could be opened to the public"
  }
  assert {
    condition     = google_storage_bucket.results.retention_policy[0].retention_period == 400 * 86400 && length(google_storage_bucket.results.versioning) == 0
    error_message = "files of the result log can be replaced"
  }
  assert {
    condition     = toset([for g in google_storage_bucket_iam_member.sweep : g.role]) == toset(["roles/storage.objectCreator", "roles/storage.objectViewer"])
    error_message = "the sweep creates and reads files, and deletes none"
  }
}

run "an_existing_bucket_of_spend_logs" {
  command = plan

  variables {
    spend_log_bucket = "their-logs"
  }

  assert {
    condition     = length(google_storage_bucket.spend_logs) == 0 && google_storage_bucket_iam_member.refreshreputation.bucket == "their-logs" && module.refreshreputation.function.service_config[0].environment_variables["SPEND_LOG_BUCKET"] == "their-logs"
    error_message = "the bucket that is there is read"
  }
}
