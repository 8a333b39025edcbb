# Who reaches the keys.

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

run "keys_in_secrets" {
  command = plan

  variables {
    payouts_enabled     = true
    relayer             = true
    cdp_api_key_id      = "key-id"
    base_rpc_url_secret = true
    secret_versions     = { treasury-key = 3 }
  }

  assert {
    condition     = toset([for g in google_secret_manager_secret_iam_member.processpayout : g.member]) == toset(["serviceAccount:fn-processpayout@test-project.iam.gserviceaccount.com"])
    error_message = "somebody else may read secrets"
  }
  assert {
    condition     = google_secret_manager_secret_iam_member.reconcile[0].secret_id == "base-rpc-url" && google_secret_manager_secret_iam_member.reconcile[0].member == "serviceAccount:fn-reconcile@test-project.iam.gserviceaccount.com"
    error_message = "of secrets, Reconcile reads where the node is, and no more"
  }
  assert {
    condition     = keys(google_secret_manager_secret_iam_member.processpayout) == keys(google_secret_manager_secret.secret)
    error_message = "ProcessPayout may read ${jsonencode(keys(google_secret_manager_secret_iam_member.processpayout))} of ${jsonencode(keys(google_secret_manager_secret.secret))}"
  }
  assert {
    condition     = keys(google_secret_manager_secret.secret) == ["base-rpc-url", "cdp-api-key-secret", "log-sender-key", "relayer-key", "treasury-key"]
    error_message = jsonencode(keys(google_secret_manager_secret.secret))
  }
  assert {
    condition     = alltrue([for g in google_secret_manager_secret_iam_member.processpayout : g.role == "roles/secretmanager.secretAccessor"])
    error_message = "reading is all that ProcessPayout may do with secrets"
  }
  assert {
    condition     = alltrue([for s in google_secret_manager_secret.secret : s.deletion_protection])
    error_message = "a secret can be deleted"
  }
  # Nobody else is handed one, under whatever name.
  assert {
    condition = jsonencode({ for name, f in local.functions : name => sort([for s in f.function.service_config[0].secret_environment_variables : s.secret]) }) == jsonencode({
      gettasks          = []
      linkwallet        = []
      processpayout     = ["base-rpc-url", "cdp-api-key-secret", "log-sender-key", "relayer-key", "treasury-key"]
      reconcile         = ["base-rpc-url"]
      refreshreputation = []
      submitresults     = []
      sweep             = []
      workerstatus      = []
    })
    error_message = jsonencode({ for name, f in local.functions : name => sort([for s in f.function.service_config[0].secret_environment_variables : s.secret]) })
  }
  assert {
    condition     = jsonencode({ for s in module.processpayout[0].function.service_config[0].secret_environment_variables : s.key => s.version }) == jsonencode({ BASE_RPC_URL = "1", CDP_API_KEY_SECRET = "1", LOG_SENDER_KEY = "1", RELAYER_KEY = "1", TREASURY_KEY = "3" })
    error_message = jsonencode({ for s in module.processpayout[0].function.service_config[0].secret_environment_variables : s.key => s.version })
  }
  assert {
    condition     = length(google_kms_crypto_key.treasury) == 0 && length(google_kms_crypto_key_iam_member.processpayout) == 0
    error_message = "there is a KMS key, too"
  }
  assert {
    condition     = keys(google_project_iam_audit_config.keys) == ["secretmanager.googleapis.com"]
    error_message = "reading secrets is not audited"
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.treasury_key_used_elsewhere.conditions[0].condition_matched_log[0].filter, "secrets/treasury-key/")
    error_message = google_monitoring_alert_policy.treasury_key_used_elsewhere.conditions[0].condition_matched_log[0].filter
  }
}

# Another provider's node shows what ProcessPayout's leaves out.
run "reconcile_has_a_node_of_its_own" {
  command = plan

  variables {
    payouts_enabled     = true
    base_rpc_url_secret = true
    reconcile_rpc_url   = "https://node.example.com/v2"
  }

  assert {
    condition     = module.reconcile[0].function.service_config[0].environment_variables["BASE_RPC_URL"] == "https://node.example.com/v2"
    error_message = "Reconcile asks another node than it was given"
  }
  assert {
    condition     = length(module.reconcile[0].function.service_config[0].secret_environment_variables) == 0 && length(google_secret_manager_secret_iam_member.reconcile) == 0
    error_message = "Reconcile may read a secret that it has no use for"
  }
}

run "key_in_kms" {
  command = plan

  variables {
    payouts_enabled      = true
    treasury_kms_key     = true
    treasury_key         = "kms"
    treasury_kms_version = 2
  }

  assert {
    condition     = google_kms_crypto_key.treasury[0].purpose == "ASYMMETRIC_SIGN" && google_kms_crypto_key.treasury[0].version_template[0].algorithm == "EC_SIGN_SECP256K1_SHA256" && google_kms_crypto_key.treasury[0].version_template[0].protection_level == "HSM"
    error_message = "the key cannot sign for Ethereum, or is not in an HSM"
  }
  assert {
    condition     = { for k, g in google_kms_crypto_key_iam_member.processpayout : k => g.member } == { "roles/cloudkms.publicKeyViewer" = "serviceAccount:fn-processpayout@test-project.iam.gserviceaccount.com", "roles/cloudkms.signer" = "serviceAccount:fn-processpayout@test-project.iam.gserviceaccount.com" }
    error_message = "ProcessPayout signs, and nobody else"
  }
  assert {
    condition     = [for name, f in local.functions : name if can(f.function.service_config[0].environment_variables["TREASURY_KMS_KEY"])] == ["processpayout"]
    error_message = "another function is told of the key"
  }
  assert {
    condition     = module.processpayout[0].function.service_config[0].environment_variables["TREASURY_KMS_KEY"] == "projects/test-project/locations/us-central1/keyRings/worker-network/cryptoKeys/treasury/cryptoKeyVersions/2"
    error_message = module.processpayout[0].function.service_config[0].environment_variables["TREASURY_KMS_KEY"]
  }
  assert {
    condition     = keys(google_secret_manager_secret_iam_member.processpayout) == ["log-sender-key"]
    error_message = jsonencode(keys(google_secret_manager_secret_iam_member.processpayout))
  }
  assert {
    condition     = keys(google_project_iam_audit_config.keys) == ["cloudkms.googleapis.com", "secretmanager.googleapis.com"] && alltrue([for a in google_project_iam_audit_config.keys : toset([for c in a.audit_log_config : c.log_type]) == toset(["ADMIN_READ", "DATA_READ", "DATA_WRITE"])])
    error_message = "the use of keys is not audited"
  }
  assert {
    condition     = strcontains(google_monitoring_alert_policy.treasury_key_used_elsewhere.conditions[0].condition_matched_log[0].filter, "AsymmetricSign") && strcontains(google_monitoring_alert_policy.treasury_key_used_elsewhere.conditions[0].condition_matched_log[0].filter, "NOT protoPayload.authenticationInfo.principalEmail=\"${module.processpayout[0].email}\"")
    error_message = google_monitoring_alert_policy.treasury_key_used_elsewhere.conditions[0].condition_matched_log[0].filter
  }
}

# A key can be made, asked for its address and given money before it is used.
run "key_in_kms_before_its_time" {
  command = plan

  variables {
    payouts_enabled  = true
    treasury_kms_key = true
  }

  assert {
    condition     = length(google_kms_crypto_key.treasury) == 1 && length(google_kms_crypto_key_iam_member.processpayout) == 0
    error_message = "the key is there, and nobody may use it"
  }
  assert {
    condition     = contains(keys(google_secret_manager_secret_iam_member.processpayout), "treasury-key") && anytrue([for s in output.next_steps : strcontains(s, "treasury_key = \"kms\"")])
    error_message = jsonencode(output.next_steps)
  }
}
