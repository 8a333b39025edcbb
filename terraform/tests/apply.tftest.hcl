# An empty project, the variables that must be given, and nothing else.

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
}

run "first_apply" {
  command = apply

  assert {
    condition     = keys(local.functions) == ["gettasks", "linkwallet", "refreshreputation", "submitresults", "sweep", "workerstatus"]
    error_message = "everything is there but what needs secrets: ${jsonencode(keys(local.functions))}"
  }
  assert {
    condition     = length(google_pubsub_subscription.payouts) == 0 && length(google_secret_manager_secret_iam_member.processpayout) == 0
    error_message = "nothing refers to what is not there"
  }
  # What is left to do is said in the order in which it is done.
  assert {
    condition = length([for pattern in [
      "treasury-key: .* gcloud secrets versions add treasury-key --project=test-project",
      "log-sender-key: .* gcloud secrets versions add",
      "Fund 0x1111111111111111111111111111111111111111 .* USDC on Base Sepolia \\(0x036CbD53842c5426634e7929541eC2318f3dCF7e\\)",
      "Fund the address of the key in log-sender-key \\(the log sender\\): .* ETH on Base Sepolia",
      "payouts_enabled = true",
      "gs://test-project-spend-logs/llm-calls/",
      "Load the tasks",
    ] : pattern if anytrue([for s in output.next_steps : can(regex(pattern, s))])]) == 7
    error_message = jsonencode(output.next_steps)
  }
  assert {
    condition     = output.database == "projects/test-project/instances/worker-network/databases/network"
    error_message = output.database
  }
  assert {
    condition     = alltrue([for p in google_project_service.api : !p.disable_on_destroy])
    error_message = "taking the network down would turn off APIs that others use"
  }
}

# Once the secrets have versions, the second apply adds ProcessPayout to what is there.
run "second_apply" {
  command = apply

  variables {
    payouts_enabled      = true
    log_sender_addresses = ["0x3333333333333333333333333333333333333333"]
    reconcile_from_block = 1000000
    alert_email          = "operator@example.com"
  }

  # The mock makes up an address for a function when it makes the function.
  assert {
    condition     = output.routes == run.first_apply.routes
    error_message = "the second apply has made functions anew"
  }
  assert {
    condition     = contains(keys(local.functions), "processpayout") && contains(keys(local.functions), "reconcile") && length(google_pubsub_subscription.payouts) == 1
    error_message = "payouts are not enabled"
  }
  assert {
    condition     = !anytrue([for s in output.next_steps : strcontains(s, "payouts_enabled") || strcontains(s, "gcloud secrets")])
    error_message = jsonencode(output.next_steps)
  }
  assert {
    condition     = google_monitoring_notification_channel.operator[0].labels.email_address == "operator@example.com" && alltrue([for a in concat(values(google_monitoring_alert_policy.event), values(google_monitoring_alert_policy.measured), [google_monitoring_alert_policy.treasury_key_used_elsewhere, google_monitoring_alert_policy.job_failed, google_monitoring_alert_policy.api_errors]) : length(a.notification_channels) == 1])
    error_message = "an alert tells nobody"
  }
}
