//go:build !one_function || gettasks

package deployed

import "github.com/BlockRunAI/worker-network/functions/gettasks"

func init() { handlers["GetTasks"] = gettasks.Handler() }
