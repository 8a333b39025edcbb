package reputation

// Standing is a wallet's lifetime spend and the tier that follows from it.
type Standing struct {
	Wallet string // canonical
	Total  NanoUSD
	Tier   Tier
}
