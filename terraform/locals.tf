locals {
  # The chains that the functions know (shared/usdc).
  networks = {
    8453 = {
      name        = "Base"
      usdc        = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
      rpc         = "https://mainnet.base.org"
      facilitator = "https://api.cdp.coinbase.com/platform/v2/x402"
    }
    84532 = {
      name        = "Base Sepolia"
      usdc        = "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
      rpc         = "https://sepolia.base.org"
      facilitator = "https://x402.org/facilitator"
    }
  }
  network         = local.networks[var.chain_id]
  rpc_url         = var.base_rpc_url != "" ? var.base_rpc_url : local.network.rpc
  facilitator_url = var.facilitator_url != "" ? var.facilitator_url : local.network.facilitator

  # What every function is told. Names and meanings: shared/config,
  # and shared/telemetry for the traces.
  common_environment = {
    GOOGLE_CLOUD_PROJECT = var.project_id
    LOG_LEVEL            = var.log_level
    SPANNER_DATABASE     = local.database
    TASK_SHARDS          = tostring(var.task_shards)
    TRACE_SAMPLE_RATIO   = tostring(var.trace_sample_ratio)
  }

  # SubmitResults opens payouts for what ProcessPayout then pays: they must agree.
  money_environment = {
    CHAIN_ID                = tostring(var.chain_id)
    TREASURY_ADDRESS        = var.treasury_address
    PAYOUT_THRESHOLD_MICROS = tostring(var.payout_threshold_micros)
  }

  # Names made here, and not read from what the cloud answers, so that a plan
  # shows who is given what before anything is made.
  database = "projects/${var.project_id}/instances/${google_spanner_instance.network.name}/databases/${google_spanner_database.network.name}"
  topic    = "projects/${var.project_id}/topics/${google_pubsub_topic.payouts.name}"

  # Who may call a function that the load balancer or the world reaches: the
  # requests carry signatures of their own.
  everybody      = { everybody = "allUsers" }
  public_ingress = var.domain != "" ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_ALL"
}
