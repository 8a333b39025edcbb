//go:build !one_function || linkwallet

package deployed

import "github.com/BlockRunAI/worker-network/functions/linkwallet"

func init() { handlers["LinkWallet"] = linkwallet.Handler() }
