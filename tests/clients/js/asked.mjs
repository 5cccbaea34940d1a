// What every client asks at every upstream, and how it tells what it heard.
export const { ASK_HELLO: HELLO, ASK_WEATHER: WEATHER, ASK_CITY: CITY } = process.env;

export const weather = ({ city }) => `sunny in ${city}`;

export async function tell(hear) {
  const heard = {};
  for (const [name, gateway] of Object.entries(JSON.parse(process.env.GATEWAYS))) heard[name] = await hear(gateway);
  console.log(JSON.stringify(heard));
}
