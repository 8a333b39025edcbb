locals {
  # Which addresses need what, in the order in which they need it.
  to_fund = concat(
    ["${var.treasury_address} (the treasury): USDC on ${local.network.name} (${local.network.usdc}), a few days' payouts, and no ETH; at most ${var.payout_daily_max_micros / 1000000} USDC go out a day"],
    ["${try(var.log_sender_addresses[0], "the address of the key in log-sender-key")} (the log sender): about 0.002 ETH on ${local.network.name}, and no USDC; nothing else may send from it"],
    var.relayer ? ["${var.relayer_address != "" ? var.relayer_address : "the address of the key in relayer-key"} (the relayer): about 0.005 ETH on ${local.network.name}, and no USDC"] : [],
  )

  add_version = [for name in sort(values(local.payout_secrets)) : "Put into ${name}: ${local.secrets[name]} gcloud secrets versions add ${name} --project=${var.project_id} --data-file=FILE (without a line break at the end)"]

  kms_hint = "To pay with the key in Cloud KMS: find its address (TREASURY_KMS_KEY=$(terraform output -raw treasury_kms_key) go run ./functions/ops kms-address), set treasury_address to it and treasury_key = \"kms\", and apply."
}

output "next_steps" {
  description = "What is left to do, in this order."
  value = concat(
    var.payouts_enabled ? [] : local.add_version,
    var.treasury_kms_key && var.treasury_key != "kms" ? [local.kms_hint] : [],
    [for f in local.to_fund : "Fund ${f}."],
    var.payouts_enabled ? [] : ["Set payouts_enabled = true, log_sender_addresses = [\"0x...\"] (that of the key in log-sender-key) and reconcile_from_block (the latest block's number), and apply again: until then results are credited, and payouts wait."],
    var.domain != "" ? ["Point ${var.domain} to ${one(google_compute_global_address.api[*].address)} (an A record); the certificate follows within an hour of it."] : ["Without a domain the functions are reached one by one (output routes). Bring the paths under one host with a front of your own, or set domain."],
    var.spend_log_bucket == "" ? ["Have the logs of LLM calls written to gs://${local.spend_log_bucket}/llm-calls/YYYY-MM-DD.jsonl."] : [],
    ["Load the tasks: SPANNER_DATABASE=${local.database} TASK_SHARDS=${var.task_shards} go run ./functions/ops tasks load FILE (shared/taskfile/pilot.yaml is the pilot's)."],
    ["Give workers the address: BLOCKRUN_API_BASE=${local.api_base}"],
  )
}

locals {
  api_base = var.domain != "" ? "https://${var.domain}${var.api_base_path}" : "https://YOUR-FRONT${var.api_base_path}"
}

output "api_base" {
  description = "What workers set BLOCKRUN_API_BASE to."
  value       = local.api_base
}

output "routes" {
  description = "Which function answers which path, and where it is."
  value       = { for path, name in local.routes : path => local.functions[name].uri }
}

output "database" {
  description = "SPANNER_DATABASE, for the operator's command."
  value       = local.database
}

output "operator_environment" {
  description = "What the operator's command (go run ./functions/ops) is told. A node's URL that is a secret is not among it."
  value = merge(local.money_environment, {
    BLOCKRUN_LOG_ADDRESS            = var.log_address
    LOG_SENDER_ADDRESSES            = join(",", var.log_sender_addresses)
    PAYOUT_DEAD_LETTER_SUBSCRIPTION = "projects/${var.project_id}/subscriptions/${google_pubsub_subscription.payouts_dead.name}"
    PAYOUT_TOPIC                    = local.topic
    RECONCILE_FROM_BLOCK            = tostring(var.reconcile_from_block)
    RESULT_LOG_BUCKET               = google_storage_bucket.results.name
    SPANNER_DATABASE                = local.database
    TASK_SHARDS                     = tostring(var.task_shards)
    },
    var.relayer_address != "" ? { RELAYER_ADDRESS = var.relayer_address } : {},
    var.base_rpc_url_secret ? {} : { BASE_RPC_URL = local.rpc_url },
    var.treasury_kms_key ? { TREASURY_KMS_KEY = local.treasury_kms_key } : {},
  )
}

output "buckets" {
  description = "Where the result log is (RESULT_LOG_BUCKET), and where the logs of LLM calls are expected."
  value = {
    results    = google_storage_bucket.results.name
    spend_logs = local.spend_log_bucket
  }
}

output "treasury_kms_key" {
  description = "TREASURY_KMS_KEY, if there is a key in Cloud KMS."
  value       = var.treasury_kms_key ? local.treasury_kms_key : null
}
