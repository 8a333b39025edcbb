// Writes peers.json: what the independent packages @x402/core and @x402/evm
// make of the bodies in requests.json (written by `go test ./shared/x402 -update`),
// payments that their client makes, and answers that their facilitator gives
// when its chain fails in this way or that. Run: npm install && node peers.mjs
import { readFileSync, writeFileSync } from 'node:fs'
import { parsePaymentPayload, parsePaymentRequirements } from '@x402/core/schemas'
import { x402Client } from '@x402/core/client'
import { authorizationTypes } from '@x402/evm'
import { ExactEvmScheme as ClientScheme } from '@x402/evm/exact/client'
import { ExactEvmScheme as FacilitatorScheme } from '@x402/evm/exact/facilitator'
import { encodeAbiParameters, encodeEventTopics, hashTypedData, parseAbi, verifyTypedData } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'

const here = new URL('.', import.meta.url)
const read = name => JSON.parse(readFileSync(new URL(name, here)))
const now = 1_800_000_000_000 // before the vectors expire
const late = 1_900_000_000_000
Date.now = () => now

const requests = read('requests.json')
const hash = '0x89c91c789e57059b17285e7ba1716a1f5ff4c5dace0ea5a5135f26158d0421b9'

function digest({ paymentPayload: { accepted, payload } }) {
  const a = payload.authorization
  return hashTypedData({
    domain: { ...accepted.extra, chainId: Number(accepted.network.split(':')[1]), verifyingContract: accepted.asset },
    types: authorizationTypes,
    primaryType: 'TransferWithAuthorization',
    message: { ...a, value: BigInt(a.value), validAfter: BigInt(a.validAfter), validBefore: BigInt(a.validBefore) },
  })
}

const transferEvent = parseAbi(['event Transfer(address indexed from, address indexed to, uint256 value)'])

function transferLog({ asset, payTo, amount }, from) {
  return {
    address: asset,
    topics: encodeEventTopics({ abi: transferEvent, eventName: 'Transfer', args: { from, to: payTo } }),
    data: encodeAbiParameters([{ type: 'uint256' }], [BigInt(amount)]),
  }
}

// A chain on which all is well, except for what `faults` replaces.
function chain(request, faults = {}) {
  const { paymentRequirements, paymentPayload } = request
  return {
    getAddresses: () => ['0x00000000000000000000000000000000000000f1'],
    getCode: async ({ address }) => (address.toLowerCase() === paymentRequirements.asset.toLowerCase() ? '0x60' : undefined),
    verifyTypedData,
    readContract: async ({ functionName }) => ({ authorizationState: false, balanceOf: 10n ** 18n, ...paymentRequirements.extra })[functionName],
    writeContract: async () => hash,
    sendTransaction: async () => hash,
    waitForTransactionReceipt: async () => ({
      status: 'success',
      logs: [transferLog(paymentRequirements, paymentPayload.payload.authorization.from)],
    }),
    ...faults,
  }
}

const fails = message => async () => { throw new Error(message) }
const settle = async (request, faults) => new FacilitatorScheme(chain(request, faults)).settle(request.paymentPayload, request.paymentRequirements)

async function answers() {
  const good = requests[0]
  const other = structuredClone(good)
  other.paymentPayload.payload.authorization.value = '10002'
  const unnamed = structuredClone(good)
  delete unnamed.paymentRequirements.extra
  const all = {
    settled: await settle(good),
    reverted: await settle(good, { waitForTransactionReceipt: async () => ({ status: 'reverted', logs: [] }) }),
    wrong_event: await settle(good, { waitForTransactionReceipt: async () => ({ status: 'success', logs: [] }) }),
    receipt_lost: await settle(good, { waitForTransactionReceipt: fails('Timed out while waiting for transaction') }),
    send_answer_lost: await settle(good, { writeContract: fails('fetch failed') }),
    relayer_nonce: await settle(good, { writeContract: fails('Nonce provided for the transaction is lower than the current nonce of the account.') }),
    nonce_used: await settle(good, { writeContract: fails('execution reverted: FiatTokenV2: authorization is used or canceled') }),
    no_balance: await settle(good, { writeContract: fails('execution reverted: ERC20: transfer amount exceeds balance') }),
    altered: await settle(other),
    no_domain: await settle(unnamed),
  }
  Date.now = () => late
  all.expired = await settle(good)
  Date.now = () => now
  return all
}

async function payment(key, accepts) {
  const client = new x402Client().register('eip155:*', new ClientScheme(privateKeyToAccount(key)))
  return client.createPaymentPayload({ x402Version: 2, resource: { url: 'https://api.example/paid' }, accepts: [accepts] })
}

const version = name => read(`node_modules/${name}/package.json`).version

writeFileSync(new URL('peers.json', here), JSON.stringify({
  versions: Object.fromEntries(['@x402/core', '@x402/evm', 'viem'].map(n => [n, version(n)])),
  requests: await Promise.all(requests.map(async r => ({
    payload: parsePaymentPayload(r.paymentPayload).success,
    requirements: parsePaymentRequirements(r.paymentRequirements).success,
    digest: digest(r),
    verify: await new FacilitatorScheme(chain(r)).verify(r.paymentPayload, r.paymentRequirements),
  }))),
  payments: await Promise.all([0, 6].map(i => payment('0x' + '11'.repeat(31) + '0' + i, requests[i].paymentRequirements))),
  answers: await answers(),
}, null, 1) + '\n')
