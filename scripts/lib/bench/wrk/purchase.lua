-- Whole purchases: each thread of wrk has one connection and is one shopper, who fills the cart, checks out and pays, again and
-- again. Arguments: the file of the shoppers' access tokens, that of the variants' ids, the seconds after which nobody begins.

local count = 0
local threads = {}

function setup(thread)
    count = count + 1
    thread:set("number", count)
    table.insert(threads, thread)
end

local function lines(path)
    local found = {}
    for line in io.lines(path) do found[#found + 1] = line end
    return found
end

local address = '{"shipping_address":{"name":"Ada Marlow","line1":"1 Bench Street","city":"London","postal_code":"E1 6AN","country":"GB"}}'

function init(args)
    token = lines(args[1])[number]
    variants = lines(args[2])
    finish = os.time() + tonumber(args[3])
    step, purchases, failures, turn, said = "cart", 0, 0, number * 7, ""
    math.randomseed(os.time() * 1000 + number)
    run = string.format("%d-%d-%d", os.time(), math.random(1e9), number)
end

local function headers(key)
    return {
        ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json", ["Idempotency-Key"] = key,
    }
end

function request()
    if step == "cart" and os.time() >= finish then
        step = "over"
    end
    if step == "over" then
        return wrk.format("GET", "/api/v1/ping")
    elseif step == "cart" then
        turn = turn + 1
        local body = string.format('{"items":[{"variant_id":"%s","quantity":1}]}', variants[turn % #variants + 1])
        return wrk.format("PUT", "/api/v1/cart/items", headers(), body)
    elseif step == "checkout" then
        return wrk.format("POST", "/api/v1/checkout", headers(run .. "-" .. turn), address)
    end
    return wrk.format("POST", page, { ["Content-Type"] = "application/json" }, '{"outcome":"success"}')
end

function response(status, _, body)
    if step == "over" then
        wrk.thread:stop()
    elseif status >= 300 then
        failures = failures + 1
        said = step .. ": " .. status .. " " .. body:sub(1, 300):gsub('[%c"\\]', " ")
        step = "cart"
    elseif step == "cart" then
        step = "checkout"
    elseif step == "checkout" then
        page = body:match('"pay_url":"https?:[\\/]+[^/\\]+([^"]+)"')
        page = page and page:gsub("\\/", "/")
        step = page and "pay" or "cart"
    else
        purchases = purchases + 1
        step = "cart"
    end
end

function done(summary, latency, _)
    local purchases, failures, said = 0, 0, ""
    for _, thread in ipairs(threads) do
        purchases = purchases + thread:get("purchases")
        failures = failures + thread:get("failures")
        if thread:get("said") ~= "" then said = thread:get("said") end
    end
    io.write(string.format(
        '{"purchases":%d,"failures":%d,"said":"%s","requests":%d,"seconds":%.6f,"p99_ms":%.4f}\n',
        purchases, failures, said, summary.requests, summary.duration / 1e6, latency:percentile(99) / 1000))
end
