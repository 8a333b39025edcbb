//go:build !one_function || processpayout

package deployed

import "github.com/BlockRunAI/worker-network/functions/processpayout"

func init() { handlers["ProcessPayout"] = processpayout.Handler() }
