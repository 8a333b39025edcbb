# Money.

variable "chain_id" {
  description = "84532 (Base Sepolia, test money) or 8453 (Base)."
  type        = number
  default     = 84532

  validation {
    condition     = contains([8453, 84532], var.chain_id)
    error_message = "chain_id is 84532 (Base Sepolia) or 8453 (Base)."
  }
}

variable "payouts_enabled" {
  description = "Deploys ProcessPayout. Set it once the secrets have versions: the cloud refuses to deploy a function whose secrets are empty. Until then payouts wait."
  type        = bool
  default     = false
}

variable "treasury_kms_key" {
  description = "Makes a key for the treasury in Cloud KMS's HSM, which it never leaves. Once made, it stays."
  type        = bool
  default     = false
}

variable "treasury_key" {
  description = "Which key signs payouts: \"secret\" (the one in the secret treasury-key) or \"kms\" (that of treasury_kms_key)."
  type        = string
  default     = "secret"

  validation {
    condition     = contains(["secret", "kms"], var.treasury_key)
    error_message = "treasury_key is \"secret\" or \"kms\"."
  }
  validation {
    condition     = var.treasury_key != "kms" || var.treasury_kms_key
    error_message = "treasury_key = \"kms\" needs a key: set treasury_kms_key = true, apply, and make treasury_address the key's address."
  }
}

variable "treasury_kms_version" {
  description = "Which version of the KMS key signs."
  type        = number
  default     = 1

  validation {
    condition     = var.treasury_kms_version >= 1 && floor(var.treasury_kms_version) == var.treasury_kms_version
    error_message = "treasury_kms_version is 1 or more."
  }
}

variable "log_sender_addresses" {
  description = "Who has written receipts, for the comparison of books and chain: the address of the key in log-sender-key first, then earlier ones."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for a in var.log_sender_addresses : can(regex("^0x[0-9a-fA-F]{40}$", a))])
    error_message = "log_sender_addresses are each 0x and 40 hex digits."
  }
  validation {
    condition     = !contains([for a in var.log_sender_addresses : lower(a)], lower(var.treasury_address))
    error_message = "log_sender_addresses: the treasury and the log sender need keys of their own."
  }
  validation {
    condition     = !var.payouts_enabled || length(var.log_sender_addresses) > 0
    error_message = "log_sender_addresses must hold the address of the key in log-sender-key once payouts are enabled."
  }
}

variable "reconcile_from_block" {
  description = "The number of a block before the treasury was first given money: from there on the chain is compared with the books."
  type        = number
  default     = 0

  validation {
    condition     = var.reconcile_from_block >= 0 && floor(var.reconcile_from_block) == var.reconcile_from_block
    error_message = "reconcile_from_block is a block number."
  }
  validation {
    condition     = !var.payouts_enabled || var.reconcile_from_block > 0
    error_message = "reconcile_from_block must be set once payouts are enabled, to the number of a block before the treasury had money (a block explorer shows the latest): comparing the chain from its beginning would take weeks."
  }
}

variable "relayer" {
  description = "Whether there is a second way to settle: an account of the operator's with a little ETH, for when the facilitator is down. Its key is in the secret relayer-key."
  type        = bool
  default     = false
}

variable "relayer_address" {
  description = "The address of the key in relayer-key, so that its balance is watched. It needs a little ETH."
  type        = string
  default     = ""

  validation {
    condition     = var.relayer_address == "" || can(regex("^0x[0-9a-fA-F]{40}$", var.relayer_address))
    error_message = "relayer_address is 0x and 40 hex digits, or empty."
  }
  validation {
    condition     = var.relayer_address == "" || !contains([for a in concat([var.treasury_address], var.log_sender_addresses) : lower(a)], lower(var.relayer_address))
    error_message = "relayer_address: the treasury, the log sender and the relayer need keys of their own."
  }
  validation {
    condition     = var.relayer_address == "" || var.relayer
    error_message = "relayer_address is set, but there is no relayer; set relayer = true, too."
  }
}

variable "multicall3_address" {
  description = "Multicall3, with which the relayer settles several payouts at once. Empty: where it stands on every chain, 0xcA11bde05977b3631167028862bE2a173976CA11."
  type        = string
  default     = ""

  validation {
    condition     = var.multicall3_address == "" || can(regex("^0x[0-9a-fA-F]{40}$", var.multicall3_address))
    error_message = "multicall3_address is 0x and 40 hex digits, or empty."
  }
}

variable "balance_low_days" {
  description = "An account of the operator's that lasts for fewer days than this is told of: the treasury, the log sender and the relayer."
  type        = number
  default     = 3

  validation {
    condition     = var.balance_low_days >= 0 && var.balance_low_days <= 60 && floor(var.balance_low_days) == var.balance_low_days
    error_message = "balance_low_days is a whole number from 0 to 60."
  }
}

variable "secret_versions" {
  description = "Which version of a secret is used, where that is not the first: { \"treasury-key\" = 2 }. Pinned, so that a new version is taken by an apply and not by chance."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.secret_versions) : contains(["treasury-key", "log-sender-key", "relayer-key", "cdp-api-key-secret", "base-rpc-url"], name)])
    error_message = "secret_versions has one of these names: treasury-key, log-sender-key, relayer-key, cdp-api-key-secret, base-rpc-url."
  }
  validation {
    condition     = alltrue([for v in values(var.secret_versions) : v >= 1 && floor(v) == v])
    error_message = "secret_versions: a version is a whole number from 1 on."
  }
}

variable "base_rpc_url" {
  description = "A node of the chain. Empty: the chain's public one, which is good for a pilot. One that holds a provider's key belongs into the secret base-rpc-url (base_rpc_url_secret)."
  type        = string
  default     = ""

  validation {
    condition     = var.base_rpc_url == "" || can(regex("^https://[^/@\\s]+(/\\S*)?$", var.base_rpc_url))
    error_message = "base_rpc_url begins with https:// and holds no user name, or is empty."
  }
}

variable "base_rpc_url_2" {
  description = "A node of another provider, which must agree before ProcessPayout books a payout. Empty: none."
  type        = string
  default     = ""

  validation {
    condition     = var.base_rpc_url_2 == "" || can(regex("^https://[^/@\\s]+(/\\S*)?$", var.base_rpc_url_2))
    error_message = "base_rpc_url_2 begins with https:// and holds no user name, or is empty."
  }
}

variable "reconcile_rpc_url" {
  description = "A node for Reconcile alone, of another provider than ProcessPayout's, so that what one node leaves out the other shows; it must serve logs. Empty: ProcessPayout's."
  type        = string
  default     = ""

  validation {
    condition     = var.reconcile_rpc_url == "" || can(regex("^https://[^/@\\s]+(/\\S*)?$", var.reconcile_rpc_url))
    error_message = "reconcile_rpc_url begins with https:// and holds no user name, or is empty."
  }
}

variable "base_rpc_url_secret" {
  description = "Takes the node's URL from the secret base-rpc-url."
  type        = bool
  default     = false

  validation {
    condition     = !(var.base_rpc_url_secret && var.base_rpc_url != "")
    error_message = "base_rpc_url_secret is set, so the URL is taken from the secret; leave base_rpc_url empty."
  }
}

variable "facilitator_url" {
  description = "The x402 facilitator, without /settle. Empty: Coinbase's on Base, x402.org's on Base Sepolia."
  type        = string
  default     = ""

  validation {
    condition     = var.facilitator_url == "" || can(regex("^https://[^/@\\s]+(/\\S*)?$", var.facilitator_url))
    error_message = "facilitator_url begins with https:// and holds no user name, or is empty."
  }
}

variable "cdp_api_key_id" {
  description = "The id of the key for Coinbase's facilitator; the key itself is in the secret cdp-api-key-secret."
  type        = string
  default     = ""

  validation {
    condition     = !(var.payouts_enabled && strcontains(local.facilitator_url, "api.cdp.coinbase.com") && var.cdp_api_key_id == "")
    error_message = "Coinbase's facilitator answers nobody without a key: set cdp_api_key_id and put the key into the secret cdp-api-key-secret, or set facilitator_url to another one."
  }
}

variable "payout_threshold_micros" {
  description = "How much credit opens a payout. 1000000 micros are $1; the default is $0.01."
  type        = number
  default     = 10000

  validation {
    condition     = var.payout_threshold_micros >= 1000 && floor(var.payout_threshold_micros) == var.payout_threshold_micros
    error_message = "payout_threshold_micros is a whole number of at least 1000 ($0.001), the least that a facilitator settles."
  }
}

variable "payout_max_micros" {
  description = "The most that one payout may be; nothing above is signed."
  type        = number
  default     = 1000000

  validation {
    condition     = var.payout_max_micros >= 2 * var.payout_threshold_micros && floor(var.payout_max_micros) == var.payout_max_micros
    error_message = "payout_max_micros is a whole number, and at least twice payout_threshold_micros: a payout is what a worker has earned when the threshold is reached, which may be more, and a larger one would wait for the operator."
  }
}

variable "payout_daily_max_micros" {
  description = "The most that the payouts of one UTC day may be; nothing above is signed."
  type        = number
  default     = 50000000

  validation {
    condition     = var.payout_daily_max_micros >= var.payout_max_micros && floor(var.payout_daily_max_micros) == var.payout_daily_max_micros
    error_message = "payout_daily_max_micros is a whole number, and at least payout_max_micros."
  }
}

variable "payout_attempt_seconds" {
  description = "How long one attempt at a payout may take. The function's timeout and Pub/Sub's deadline follow from it."
  type        = number
  default     = 120

  validation {
    condition     = var.payout_attempt_seconds >= 30 && var.payout_attempt_seconds <= 480 && floor(var.payout_attempt_seconds) == var.payout_attempt_seconds
    error_message = "payout_attempt_seconds is 30 to 480: the function's timeout is a minute more, and Pub/Sub's deadline, of at most 600 seconds, another minute."
  }
}
