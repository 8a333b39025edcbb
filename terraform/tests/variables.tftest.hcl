# Values that could not work are refused before anything is made.

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

run "refused" {
  command = plan

  expect_failures = [
    var.project_id,
    var.treasury_address,
    var.log_address,
    var.region,
    var.domain,
    var.api_base_path,
    var.requests_per_minute,
    var.treasury_key,
    var.treasury_kms_version,
    var.secret_versions,
    var.base_rpc_url,
    var.facilitator_url,
    var.payout_threshold_micros,
    var.payout_attempt_seconds,
    var.tasks_per_poll,
    var.task_shards,
    var.log_level,
    var.trace_sample_ratio,
    var.public_instances,
    var.spanner_edition,
    var.spanner_processing_units,
    var.backup_retention_days,
    var.source_archive,
    var.spend_log_bucket,
    var.spend_log_wallet_fields,
    var.spend_log_cost_fields,
    var.spend_log_failed_when,
    var.refresh_budget_seconds,
    var.result_log_retention_days,
    var.result_log_readers,
    var.alert_email,
    var.operators,
    var.multicall3_address,
    var.balance_low_days,
    var.reconcile_from_block,
  ]

  variables {
    project_id                = "123456789012"
    treasury_address          = "0x1234"
    log_address               = "0x0000000000000000000000000000000000000000"
    region                    = "us-central1-a"
    domain                    = "https://api.example.com"
    api_base_path             = "api"
    requests_per_minute       = 3
    treasury_key              = "file"
    treasury_kms_version      = 0
    secret_versions           = { treasury = 2 }
    base_rpc_url              = "http://example.com"
    facilitator_url           = "http://example.com"
    payout_threshold_micros   = 999
    payout_attempt_seconds    = 481
    tasks_per_poll            = 0
    task_shards               = 0
    log_level                 = "ERROR"
    trace_sample_ratio        = 5
    public_instances          = { min = 5, max = 2 }
    spanner_edition           = "FREE"
    spanner_processing_units  = 150
    backup_retention_days     = 0
    source_archive            = "no-such.zip"
    spend_log_bucket          = "gs://logs"
    spend_log_wallet_fields   = ["wallet,address"]
    spend_log_cost_fields     = ["cost usd"]
    spend_log_failed_when     = ["success"]
    refresh_budget_seconds    = 1800
    result_log_retention_days = 0
    result_log_readers        = ["allUsers"]
    alert_email               = "operator"
    operators                 = ["allUsers"]
    multicall3_address        = "multicall"
    balance_low_days          = -1
    reconcile_from_block      = -1
  }
}

# Autoscaling is not for the edition STANDARD.
run "refused_too" {
  command = plan

  expect_failures = [
    var.project_id,
    var.treasury_address,
    var.log_address,
    var.api_base_path,
    var.secret_versions,
    var.base_rpc_url,
    var.reconcile_rpc_url,
    var.payout_threshold_micros,
    var.spanner_processing_units,
    var.spanner_autoscaling,
    var.payout_attempt_seconds,
  ]

  variables {
    project_id               = "My Project"
    treasury_address         = "0x0000000000000000000000000000000000000000"
    log_address              = "0x833589FCD6EDB6E08F4C7C32D4F71B54BDA02913"
    api_base_path            = "/api/"
    secret_versions          = { treasury-key = 0 }
    base_rpc_url             = "https://user:secret@example.com"
    reconcile_rpc_url        = "http://example.com"
    payout_threshold_micros  = 10000.5
    spanner_processing_units = 1500
    spanner_autoscaling      = { min = 1000, max = 2000 }
    payout_attempt_seconds   = 29
  }
}

run "the_token_is_no_treasury" {
  command = plan

  expect_failures = [
    var.treasury_address,
  ]

  variables {
    treasury_address = "0x036cbd53842c5426634e7929541ec2318f3dcf7e"
  }
}

run "other_chain" {
  command = plan

  expect_failures = [
    var.chain_id,
  ]

  variables {
    chain_id = 1
  }
}

run "cap_below_threshold" {
  command = plan

  expect_failures = [
    var.payout_max_micros,
  ]

  variables {
    payout_max_micros = 19999
  }
}

run "twice_the_threshold_will_do" {
  command = plan

  variables {
    payout_max_micros = 20000
  }
}

run "one_key_for_treasury_and_relayer" {
  command = plan

  expect_failures = [var.relayer_address]

  variables {
    relayer         = true
    relayer_address = "0x1111111111111111111111111111111111111111"
  }
}

run "short_relayer" {
  command = plan

  expect_failures = [var.relayer_address]

  variables {
    relayer         = true
    relayer_address = "0x12"
  }
}

run "no_relayer_to_watch" {
  command = plan

  expect_failures = [var.relayer_address]

  variables {
    relayer_address = "0x4444444444444444444444444444444444444444"
  }
}

run "day_below_cap" {
  command = plan

  expect_failures = [
    var.payout_daily_max_micros,
  ]

  variables {
    payout_daily_max_micros = 999999
  }
}

run "node_given_twice" {
  command = plan

  expect_failures = [var.base_rpc_url_secret]

  variables {
    base_rpc_url        = "https://example.com"
    base_rpc_url_secret = true
  }
}

run "payouts_without_what_they_need" {
  command = plan

  expect_failures = [var.log_sender_addresses, var.reconcile_from_block]

  variables {
    payouts_enabled      = true
    log_sender_addresses = []
    reconcile_from_block = 0
  }
}

run "short_log_sender" {
  command = plan

  expect_failures = [var.log_sender_addresses]

  variables {
    log_sender_addresses = ["0x12"]
  }
}

run "one_key_for_both" {
  command = plan

  expect_failures = [var.log_sender_addresses]

  variables {
    log_sender_addresses = ["0x1111111111111111111111111111111111111111"]
  }
}

run "kms_key_that_is_not_there" {
  command = plan

  expect_failures = [var.treasury_key]

  variables {
    treasury_key = "kms"
  }
}

run "autoscaling_below_a_node" {
  command = plan

  expect_failures = [var.spanner_autoscaling]

  variables {
    spanner_edition     = "ENTERPRISE"
    spanner_autoscaling = { min = 500, max = 2000 }
  }
}

run "coinbase_without_a_key" {
  command = plan

  expect_failures = [var.cdp_api_key_id]

  variables {
    chain_id        = 8453
    payouts_enabled = true
  }
}

# Nobody has to have one before payouts are enabled.
run "coinbase_without_a_key_yet" {
  command = plan

  variables {
    chain_id = 8453
  }
}
