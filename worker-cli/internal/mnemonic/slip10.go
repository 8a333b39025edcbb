package mnemonic

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"math/big"

	"github.com/ethereum/go-ethereum/crypto"
)

// curve is what SLIP-0010 distinguishes curves by. Its secp256k1 is BIP-32.
type curve struct {
	seedKey string
	order   *big.Int                      // of secp256k1's group; nil: any 32 bytes are a key
	public  func(key [32]byte) (p []byte) // nil: hardened children only
}

var (
	ed25519Curve   = curve{seedKey: "ed25519 seed"}
	secp256k1Curve = curve{"Bitcoin seed", crypto.S256().Params().N, func(key [32]byte) []byte {
		x, y := crypto.S256().ScalarBaseMult(key[:])
		return append([]byte{byte(2 + y.Bit(0))}, x.FillBytes(make([]byte, 32))...)
	}}
)

// hardened is the first of the child numbers for which the private key is needed.
const hardened = 1 << 31

// node is a private key and its chain code.
type node struct{ key, chain [32]byte }

// derive follows path from the seed's master node down (SLIP-0010, "Private
// parent key -> private child key"). It needs a curve with public for children
// that are not hardened.
func (c curve) derive(seed []byte, path ...uint32) node {
	n := c.node([]byte(c.seedKey), seed, func(left [32]byte) ([32]byte, bool) { return c.valid(new(big.Int).SetBytes(left[:]), left) })
	for _, child := range path {
		data := append([]byte{0}, n.key[:]...)
		if child < hardened {
			data = c.public(n.key)
		}
		parent := n
		n = c.node(parent.chain[:], binary.BigEndian.AppendUint32(data, child), func(left [32]byte) ([32]byte, bool) {
			return c.child(parent.key, left)
		}, child)
	}
	return n
}

// node is HMAC-SHA512 of data, whose left half becomes the key; where it
// cannot, once in 2^127, the next digest is tried as SLIP-0010 says: of the
// digest itself for a master node, and of 1, the right half and the number for
// a child.
func (c curve) node(secret, data []byte, key func([32]byte) ([32]byte, bool), child ...uint32) node {
	for {
		mac := hmac.New(sha512.New, secret)
		mac.Write(data)
		digest := mac.Sum(nil)
		chain := [32]byte(digest[32:])
		if k, ok := key([32]byte(digest[:32])); ok {
			return node{k, chain}
		}
		data = digest
		if len(child) > 0 {
			data = binary.BigEndian.AppendUint32(append([]byte{1}, chain[:]...), child[0])
		}
	}
}

// child adds the left half of the digest to the parent's key.
func (c curve) child(parent, left [32]byte) ([32]byte, bool) {
	if c.order == nil {
		return left, true
	}
	sum := new(big.Int).SetBytes(left[:])
	if sum.Cmp(c.order) >= 0 {
		return left, false
	}
	sum.Add(sum, new(big.Int).SetBytes(parent[:])).Mod(sum, c.order)
	var key [32]byte
	sum.FillBytes(key[:])
	return c.valid(sum, key)
}

// valid reports whether k, spelled as key, is a private key of the curve.
func (c curve) valid(k *big.Int, key [32]byte) ([32]byte, bool) {
	return key, c.order == nil || k.Sign() > 0 && k.Cmp(c.order) < 0
}
