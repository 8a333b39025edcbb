//go:build !one_function || sweep

package deployed

import "github.com/BlockRunAI/worker-network/functions/sweep"

func init() { handlers["Sweep"] = sweep.Handler() }
