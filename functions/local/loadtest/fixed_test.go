package loadtest

import (
	"context"

	"github.com/ethereum/go-ethereum/common"

	"github.com/BlockRunAI/worker-network/shared/ledger"
)

// fixedBooks are those of one worker, and of nobody else.
type fixedBooks account

func (b fixedBooks) account(context.Context, common.Address) (account, error) { return account(b), nil }

func (fixedBooks) books(context.Context) (*ledger.BooksReport, error) { return nil, nil }
