# Compares the books with the chain. There is nothing to compare before payouts
# are enabled. It has no key.

locals {
  reconcile_reads_secret = var.payouts_enabled && var.base_rpc_url_secret && var.reconcile_rpc_url == ""
}

module "reconcile" {
  source = "./modules/function"
  count  = var.payouts_enabled ? 1 : 0

  project_id  = var.project_id
  region      = var.region
  build       = local.build
  entry_point = "Reconcile"
  description = "books = chain: every transfer, receipt and payout, both ways"

  callers         = { scheduler = local.scheduler_member }
  timeout_seconds = 480 # 40 s for the chain, 5 minutes for all books, and time to end
  instances       = { min = 0, max = 2 }
  concurrency     = 1

  environment = merge(local.common_environment, {
    BALANCE_LOW_DAYS     = tostring(var.balance_low_days)
    BLOCKRUN_LOG_ADDRESS = var.log_address
    CHAIN_ID             = local.money_environment.CHAIN_ID
    LOG_SENDER_ADDRESSES = join(",", var.log_sender_addresses)
    RECONCILE_FROM_BLOCK = tostring(var.reconcile_from_block)
    TREASURY_ADDRESS     = local.money_environment.TREASURY_ADDRESS
    },
    var.relayer_address != "" ? { RELAYER_ADDRESS = var.relayer_address } : {},
    local.reconcile_reads_secret ? {} : { BASE_RPC_URL = var.reconcile_rpc_url != "" ? var.reconcile_rpc_url : local.rpc_url },
  )
  secrets = !local.reconcile_reads_secret ? {} : {
    BASE_RPC_URL = merge(local.secret_version["base-rpc-url"], { granted = google_secret_manager_secret_iam_member.reconcile[0].etag })
  }

  depends_on = [terraform_data.build_ready]
}

# The one secret of others that it reads: where the chain's node is.
resource "google_secret_manager_secret_iam_member" "reconcile" {
  count = local.reconcile_reads_secret ? 1 : 0

  secret_id = google_secret_manager_secret.secret["base-rpc-url"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = module.reconcile[0].member
}

# It notes how far it is and what it found.
resource "google_spanner_database_iam_member" "reconcile" {
  count = var.payouts_enabled ? 1 : 0

  instance = google_spanner_instance.network.name
  database = google_spanner_database.network.name
  role     = "roles/spanner.databaseUser"
  member   = module.reconcile[0].member
}
