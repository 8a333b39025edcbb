# What each function is told. The same files are read by a Go test, which
# configures the functions with them: if the two disagree, a function would not
# start.

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

# The first deployment: Base Sepolia, keys in secrets.
run "pilot" {
  command = plan

  variables {
    payouts_enabled = true
  }

  assert {
    condition = jsonencode({
      environment = { for name, f in local.functions : f.function.build_config[0].entry_point => merge(f.function.service_config[0].environment_variables, {
        for s in f.function.service_config[0].secret_environment_variables : s.key => "secret ${s.secret}, version ${s.version}"
      }) }
      routes = { for path, name in local.routes : path => local.functions[name].function.build_config[0].entry_point }
    }) == jsonencode(jsondecode(file("tests/contract/pilot.json")))
    error_message = "If this is what is meant, it belongs into tests/contract/pilot.json: ${jsonencode({
      environment = { for name, f in local.functions : f.function.build_config[0].entry_point => merge(f.function.service_config[0].environment_variables, {
        for s in f.function.service_config[0].secret_environment_variables : s.key => "secret ${s.secret}, version ${s.version}"
      }) }
      routes = { for path, name in local.routes : path => local.functions[name].function.build_config[0].entry_point }
    })}"
  }
}

# All that can be chosen.
run "mainnet" {
  command = plan

  variables {
    chain_id                = 8453
    payouts_enabled         = true
    treasury_kms_key        = true
    treasury_key            = "kms"
    relayer                 = true
    relayer_address         = "0x4444444444444444444444444444444444444444"
    multicall3_address      = "0x5555555555555555555555555555555555555555"
    balance_low_days        = 7
    base_rpc_url_secret     = true
    cdp_api_key_id          = "key-id"
    secret_versions         = { log-sender-key = 2 }
    payout_threshold_micros = 100000
    spend_log_bucket        = "their-logs"
    spend_log_wallet_fields = ["payer", "wallet"]
    spend_log_cost_fields   = ["usd"]
    spend_log_failed_when   = ["success=false", "statusCode=5*"]
    refresh_budget_seconds  = 600
    task_shards             = 16
    tasks_per_poll          = 20
    log_level               = "DEBUG"
    trace_sample_ratio      = 1
  }

  assert {
    condition = jsonencode({
      environment = { for name, f in local.functions : f.function.build_config[0].entry_point => merge(f.function.service_config[0].environment_variables, {
        for s in f.function.service_config[0].secret_environment_variables : s.key => "secret ${s.secret}, version ${s.version}"
      }) }
      routes = { for path, name in local.routes : path => local.functions[name].function.build_config[0].entry_point }
    }) == jsonencode(jsondecode(file("tests/contract/mainnet.json")))
    error_message = "If this is what is meant, it belongs into tests/contract/mainnet.json: ${jsonencode({
      environment = { for name, f in local.functions : f.function.build_config[0].entry_point => merge(f.function.service_config[0].environment_variables, {
        for s in f.function.service_config[0].secret_environment_variables : s.key => "secret ${s.secret}, version ${s.version}"
      }) }
      routes = { for path, name in local.routes : path => local.functions[name].function.build_config[0].entry_point }
    })}"
  }
}
