package spannertest

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"cloud.google.com/go/spanner/apiv1/spannerpb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// RPCs counts what a client asks of Spanner: each attempt of each call, at
// the gRPC connection. The zero value is ready.
type RPCs struct {
	mu     sync.Mutex
	counts map[string]int
}

// Options make a client count into r.
func (r *RPCs) Options() []option.ClientOption {
	return Intercept(func(method string) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.counts == nil {
			r.counts = map[string]int{}
		}
		r.counts[method]++
		return nil
	}, nil)
}

// Reset forgets what was counted.
func (r *RPCs) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts = nil
}

// Trips is how many round trips were made since Reset. The session that a
// client makes once in its life is none of them.
func (r *RPCs) Trips() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for method, count := range r.counts {
		if method != "CreateSession" {
			n += count
		}
	}
	return n
}

// String lists the counts: "Commit 1, ExecuteStreamingSql 2".
func (r *RPCs) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []string
	for _, method := range slices.Sorted(maps.Keys(r.counts)) {
		out = append(out, fmt.Sprintf("%s %d", method, r.counts[method]))
	}
	return strings.Join(out, ", ")
}

// The errors that an injected fault usually is.
var (
	// ErrAborted: Spanner gave up the transaction; the client runs it again.
	ErrAborted = status.Error(codes.Aborted, "injected: aborted")
	// ErrUnavailable: the connection broke; the client sends the same again.
	ErrUnavailable = status.Error(codes.Unavailable, "injected: unavailable")
	// ErrLost: the caller's time ran out; the client gives up. What became of
	// the call is not known.
	ErrLost = status.Error(codes.DeadlineExceeded, "injected: no answer in time")
)

// Intercept calls before with the name of each RPC ("Commit",
// "ExecuteStreamingSql", ...); an error is returned in its stead. It calls
// after when a unary RPC ("Commit", "BeginTransaction") has succeeded; an error
// replaces the answer, which is lost. Either may be nil. Both are called from
// several goroutines.
func Intercept(before, after func(method string) error) []option.ClientOption {
	nothing := func(string) error { return nil }
	if before == nil {
		before = nothing
	}
	if after == nil {
		after = nothing
	}
	unary := func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		if err := before(path.Base(method)); err != nil {
			release(ctx, err, req, cc, invoke)
			return err
		}
		if err := invoke(ctx, method, req, reply, cc, opts...); err != nil {
			return err
		}
		return after(path.Base(method))
	}
	stream := func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
		if err := before(path.Base(method)); err != nil {
			return nil, err
		}
		return open(ctx, desc, cc, method, opts...)
	}
	return []option.ClientOption{
		option.WithGRPCDialOption(grpc.WithChainUnaryInterceptor(unary)),
		option.WithGRPCDialOption(grpc.WithChainStreamInterceptor(stream)),
	}
}

// release rolls back a transaction whose commit is refused here for good:
// Spanner would hold no locks for it any more.
func release(ctx context.Context, refusal error, req any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker) {
	commit, ok := req.(*spannerpb.CommitRequest)
	if !ok || status.Code(refusal) == codes.Unavailable {
		return
	}
	rollback := &spannerpb.RollbackRequest{Session: commit.GetSession(), TransactionId: commit.GetTransactionId()}
	_ = invoke(context.WithoutCancel(ctx), "/google.spanner.v1.Spanner/Rollback", rollback, &emptypb.Empty{}, cc)
}
