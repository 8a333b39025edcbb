# The only function that has keys. It exists once payouts_enabled is set; its
# secrets must have versions by then.

locals {
  payout_timeout      = var.payout_attempt_seconds + 60
  payout_ack_deadline = local.payout_timeout + 60

  # The variables of ProcessPayout that hold secrets.
  payout_secrets = merge(
    { LOG_SENDER_KEY = "log-sender-key" },
    var.treasury_key == "secret" ? { TREASURY_KEY = "treasury-key" } : {},
    var.relayer ? { RELAYER_KEY = "relayer-key" } : {},
    var.cdp_api_key_id != "" ? { CDP_API_KEY_SECRET = "cdp-api-key-secret" } : {},
    var.base_rpc_url_secret ? { BASE_RPC_URL = "base-rpc-url" } : {},
  )
}

module "processpayout" {
  source = "./modules/function"
  count  = var.payouts_enabled ? 1 : 0

  project_id  = var.project_id
  region      = var.region
  build       = local.build
  entry_point = "ProcessPayout"
  description = "payout -> transfer -> receipt: signs, settles, confirms"

  callers         = { push = local.push_member }
  timeout_seconds = local.payout_timeout
  instances       = { min = 0, max = 5 }
  concurrency     = 10

  environment = merge(local.common_environment, local.money_environment, {
    BLOCKRUN_LOG_ADDRESS    = var.log_address
    PAYOUT_ATTEMPT_TIME     = "${var.payout_attempt_seconds}s"
    PAYOUT_DAILY_MAX_MICROS = tostring(var.payout_daily_max_micros)
    PAYOUT_MAX_MICROS       = tostring(var.payout_max_micros)
    X402_FACILITATOR_URL    = local.facilitator_url
    },
    var.base_rpc_url_secret ? {} : { BASE_RPC_URL = local.rpc_url },
    var.base_rpc_url_2 != "" ? { BASE_RPC_URL_2 = var.base_rpc_url_2 } : {},
    var.multicall3_address != "" ? { MULTICALL3_ADDRESS = var.multicall3_address } : {},
    var.cdp_api_key_id != "" ? { CDP_API_KEY_ID = var.cdp_api_key_id } : {},
    var.treasury_key == "kms" ? { TREASURY_KMS_KEY = local.treasury_kms_key } : {},
  )

  # The rights come first: the cloud looks whether the function may read its
  # secrets when it deploys it.
  secrets = {
    for variable, name in local.payout_secrets : variable => merge(local.secret_version[name], {
      granted = google_secret_manager_secret_iam_member.processpayout[name].etag
    })
  }

  depends_on = [terraform_data.build_ready]
}

resource "google_secret_manager_secret_iam_member" "processpayout" {
  for_each = var.payouts_enabled ? toset(values(local.payout_secrets)) : toset([])

  secret_id = google_secret_manager_secret.secret[each.value].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = module.processpayout[0].member
}

resource "google_kms_crypto_key_iam_member" "processpayout" {
  for_each = var.payouts_enabled && var.treasury_key == "kms" ? toset(["roles/cloudkms.signer", "roles/cloudkms.publicKeyViewer"]) : toset([])

  crypto_key_id = google_kms_crypto_key.treasury[0].id
  role          = each.value
  member        = module.processpayout[0].member
}

resource "google_spanner_database_iam_member" "processpayout" {
  count = var.payouts_enabled ? 1 : 0

  instance = google_spanner_instance.network.name
  database = google_spanner_database.network.name
  role     = "roles/spanner.databaseUser"
  member   = module.processpayout[0].member
}
