// What a demo has that nothing else may: a wallet whose key everybody knows.

/** keccak256("berth demo wallet"). Public on purpose: it must never hold anything. */
export const DEMO_WALLET_KEY = "0xf6ae0a60a7521b7d1cdf5732ffe6d19fa528a20a2d4494fc0599078ed5ef5728";

/** Who speaks in a demo where nobody is logged in: an account without a key, so that nobody can ever log in as it. */
export const DEMO_ANONYMOUS_ACCOUNT = "0x00000000000000000000000000000000000a0a0a";
