"""
The steps of a ledger in Redis as Lua scripts: each runs as a whole or not at all.

Keys of every script: the campaign, the lane, and the lane's questions by how they
ended: `sent`, `settled`, `unsent`, `lost` and `failed`; then the account. A question is
in flight while it is in `sent`, which has its reserved price. Times are microseconds
since 1970 by the clock of Redis, and money is in millionths: both stay exact in the
numbers of Lua.
"""

_COMMON = """
local campaign, lane = KEYS[1], KEYS[2]
local sent, settled, unsent, lost = KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local failed, account = KEYS[7], KEYS[8]
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local function text(number) return string.format('%.0f', number) end
local function number(name) return tonumber(redis.call('HGET', lane, name) or '0') end
local function has_lease()
  local held = redis.call('HMGET', lane, 'token', 'holder')
  return held[1] == ARGV[1] and held[2] == ARGV[2]
end
local function renew()
  redis.call('HSET', lane, 'expires', text(now + tonumber(ARGV[3])))
end
local function take(interval)
  local free_at = tonumber(redis.call('GET', account) or '0')
  if free_at > now then return free_at - now end
  local life = math.ceil(interval / 1000) + 1
  redis.call('SET', account, text(now + interval), 'PX', text(life))
  return 0
end
"""

# ARGV: holder, lease, identity, planned, name of the lane.
ACQUIRE = (
    _COMMON
    + """
if redis.call('HGET', campaign, 'cancelled') then return {'cancelled'} end
redis.call('HSETNX', campaign, 'started', text(now))
redis.call('HSETNX', campaign, 'lane:' .. ARGV[5], '1')
redis.call('HSETNX', lane, 'identity', ARGV[3])
redis.call('HSETNX', lane, 'planned', ARGV[4])
local known = redis.call('HGET', lane, 'identity')
if known ~= ARGV[3] then return {'differs', known} end
local holder, left = redis.call('HGET', lane, 'holder'), number('expires') - now
-- The same holder asks again if the connection broke before the answer came.
if left > 0 and holder ~= ARGV[1] then return {'busy', holder, text(left)} end
if left > 0 then return {'held', redis.call('HGET', lane, 'token')} end
local prices, spent = redis.call('HGETALL', sent), number('spent')
for at = 1, #prices, 2 do
  spent = spent + tonumber(prices[at + 1])
  -- The outcome of a task that was followed again stays.
  if redis.call('HEXISTS', settled, prices[at]) == 0 then
    redis.call('HSET', lost, prices[at], prices[at + 1])
  end
end
redis.call('DEL', sent)
local token = redis.call('HINCRBY', lane, 'token', 1)
redis.call('HSET', lane, 'expires', text(now + tonumber(ARGV[2])),
  'holder', ARGV[1], 'result', '', 'spent', text(spent), 'reserved', '0')
return {'held', text(token)}
"""
)

# ARGV: token, holder, lease.
RENEW = (
    _COMMON
    + """
if not has_lease() then return {'fenced'} end
renew()
return {'done'}
"""
)

# ARGV: token, holder, lease, result.
RELEASE = (
    _COMMON
    + """
if not has_lease() then return {'fenced'} end
redis.call('HSET', lane, 'expires', '0', 'result', ARGV[4])
return {'done'}
"""
)

# ARGV: token, holder, lease, question, price, budget, interval, continues, is repeated;
# the empty text stands for none.
BEGIN = (
    _COMMON
    + """
if redis.call('HGET', campaign, 'cancelled') then return {'cancelled'} end
if not has_lease() then return {'fenced'} end
renew()
local question, price = ARGV[4], tonumber(ARGV[5])
if redis.call('HEXISTS', sent, question) == 1 then
  return {ARGV[9] == '1' and 'started' or 'known'}
end
if redis.call('HEXISTS', lost, question) == 1 then return {'known'} end
if redis.call('HEXISTS', settled, question) == 1 and ARGV[8] ~= '1' then
  return {'known'}
end
local budget, reserved = tonumber(ARGV[6]), number('reserved')
if budget and (not price or number('spent') + reserved + price > budget) then
  return {'budget'}
end
if ARGV[7] ~= '' then
  local wait = take(tonumber(ARGV[7]))
  if wait > 0 then return {'wait', text(wait)} end
end
price = price or 0
redis.call('HSET', sent, question, text(price))
redis.call('HSET', lane, 'reserved', text(reserved + price))
redis.call('HDEL', unsent, question)
return {'started'}
"""
)

# ARGV: token, holder, lease, question, cost, text, was sent, failed, is repeated.
SETTLE = (
    _COMMON
    + """
if not has_lease() then return {'fenced'} end
renew()
local question, cost = ARGV[4], tonumber(ARGV[5])
local reserved = tonumber(redis.call('HGET', sent, question) or '')
if reserved then
  redis.call('HDEL', sent, question)
  redis.call('HSET', lane, 'reserved', text(number('reserved') - reserved))
end
if ARGV[7] ~= '1' then
  local is_known = redis.call('HEXISTS', settled, question) == 1
    or redis.call('HEXISTS', lost, question) == 1
  if not is_known then redis.call('HSET', unsent, question, ARGV[6]) end
  return {'done'}
end
if not reserved then
  local is_kept = redis.call('HGET', settled, question) == ARGV[6]
  return {ARGV[9] == '1' and is_kept and 'done' or 'fenced'}
end
redis.call('HSET', settled, question, ARGV[6])
redis.call('HSET', lane, 'spent', text(number('spent') + (cost or reserved)))
redis.call(ARGV[8] == '1' and 'SADD' or 'SREM', failed, question)
return {'done'}
"""
)

# ARGV: token, holder, lease, questions.
REOPEN = (
    _COMMON
    + """
if not has_lease() then return {'fenced'} end
renew()
for at = 4, #ARGV do
  local kept = redis.call('HGET', settled, ARGV[at])
  if kept then
    redis.call('HSET', unsent, ARGV[at], kept)
    redis.call('HDEL', settled, ARGV[at])
    redis.call('SREM', failed, ARGV[at])
  end
end
return {'done'}
"""
)

# ARGV: interval.
TAKE = _COMMON + "return {'wait', text(take(tonumber(ARGV[1])))}"

# ARGV: prefix of the keys of lanes.
STATUS = """
local clock = redis.call('TIME')
local found = {redis.call('HGETALL', KEYS[1])}
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
  local name = string.match(field, '^lane:(.*)$')
  if name and (ARGV[2] == '' or ARGV[2] == name) then
    local key = ARGV[1] .. name
    found[#found + 1] = {name, redis.call('HGETALL', key),
      redis.call('HLEN', key .. ':settled'), redis.call('HLEN', key .. ':unsent'),
      redis.call('HLEN', key .. ':lost'), redis.call('HLEN', key .. ':sent'),
      redis.call('SCARD', key .. ':failed'),
      clock[1] .. string.format('%06d', clock[2])}
  end
end
return found
"""
