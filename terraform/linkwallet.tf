module "linkwallet" {
  source = "./modules/function"

  project_id  = var.project_id
  region      = var.region
  build       = local.build
  entry_point = "LinkWallet"
  description = "ties a Solana wallet to a worker: what was paid under it counts for its tier"

  callers         = local.everybody
  ingress         = local.public_ingress
  timeout_seconds = 30
  instances       = var.public_instances
  concurrency     = 80

  environment = merge(local.common_environment, {
    CHAIN_ID = local.money_environment.CHAIN_ID
  })

  depends_on = [terraform_data.build_ready]
}

resource "google_spanner_database_iam_member" "linkwallet" {
  instance = google_spanner_instance.network.name
  database = google_spanner_database.network.name
  role     = "roles/spanner.databaseUser"
  member   = module.linkwallet.member
}
