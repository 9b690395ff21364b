import { z } from 'zod';
import { LabError } from '../../../core/errors.ts';
import type { ControlValue } from '../../../core/instrument.ts';
import { controlOf } from '../../bench/controls.ts';
import type { Equipment } from '../../bench/equipment.ts';
import { underLock } from '../command-desk.ts';
import { switchesOn } from '../device-command.ts';
import { findEquipment } from '../find-equipment.ts';
import { type Profile, profileBody, profileShape } from '../profile-book.ts';
import { needControl } from '../read-right.ts';
import { type AddRoutes, pathText } from './route.ts';

const CONTROL = { right: 'control' as const };
const tags = ['profiles'];
const namePath = z.object({ profile_name: pathText });
const answer = z.looseObject({ success: z.boolean(), message: z.string(), profile: profileShape.nullable() });

/** Settings of controls under a name. Applying one needs the lock of the equipment: `?session_id=`. */
export const addProfileRoutes: AddRoutes = (app, place) => {
  const { bench } = place.parts;
  app.get(
    '/api/profiles/list',
    {
      schema: {
        tags,
        querystring: z.object({ equipment_type: z.string().max(50).optional() }),
        response: { 200: z.object({ profiles: z.array(profileShape), count: z.int() }) },
      },
    },
    async ({ query }) => {
      const profiles = await place.profiles.list(query.equipment_type);
      return { profiles, count: profiles.length };
    },
  );
  app.post(
    '/api/profiles/create',
    { config: CONTROL, schema: { tags, body: profileBody, response: { 201: answer } } },
    async ({ body }, reply) => {
      const profile = await place.profiles.create(body);
      return reply.code(201).send({ success: true, message: `Profile '${body.name}' created successfully`, profile });
    },
  );
  app.get(
    '/api/profiles/:profile_name',
    { schema: { tags, params: namePath, response: { 200: answer } } },
    async ({ params }) => ({
      success: true,
      message: 'Profile retrieved successfully',
      profile: await place.profiles.get(params.profile_name),
    }),
  );
  app.put(
    '/api/profiles/:profile_name',
    { config: CONTROL, schema: { tags, params: namePath, body: profileBody, response: { 200: answer } } },
    async ({ params: { profile_name }, body }) => ({
      success: true,
      message: `Profile '${profile_name}' updated successfully`,
      profile: await place.profiles.update(profile_name, body),
    }),
  );
  app.delete(
    '/api/profiles/:profile_name',
    { config: CONTROL, schema: { tags, params: namePath, response: { 200: answer } } },
    async ({ params: { profile_name } }) => {
      await place.profiles.remove(profile_name);
      return { success: true, message: `Profile '${profile_name}' deleted successfully`, profile: null };
    },
  );
  app.post(
    '/api/profiles/:profile_name/apply/:equipment_id',
    {
      schema: {
        tags,
        params: namePath.extend({ equipment_id: pathText }),
        querystring: z.object({ session_id: z.string().min(1).max(300).optional() }),
        response: { 200: answer },
      },
    },
    async ({ principal, params, query }) => {
      needControl(principal);
      const profile = await place.profiles.get(params.profile_name);
      const equipment = findEquipment(bench, params.equipment_id);
      const settings = settingsOf(equipment, profile);
      const as = await underLock(place, principal, equipment, query.session_id);
      if (switchesOn(equipment, settings)) place.stop.check();
      for (const { control, value } of settings)
        await bench.client.call('instrument.set', { instrument: equipment.instrument.id, control, value }, { as });
      const message = `Profile '${profile.name}' applied to equipment '${equipment.id}'`;
      return { success: true, message, profile: null, applied: settings };
    },
  );
};

/** LabLink's words for settings of channel 1, by role; our own names of controls are taken, too. */
const WORDS: Readonly<Record<string, string>> = {
  voltage: 'voltage.set',
  current: 'current.set',
  output_enabled: 'output',
  load_enabled: 'input',
  resistance: 'level.cr',
  power: 'level.cp',
};

/** All of a profile's settings, switches last; throws call.invalid if the equipment has not all of them, before anything is set. */
function settingsOf(equipment: Equipment, { name, settings }: Profile): { control: string; value: ControlValue }[] {
  const isLoad = equipment.instrument.role === 'load';
  const found = Object.entries(settings).map(([word, value]) => {
    const level = isLoad && word === 'current' ? 'level.cc' : isLoad && word === 'voltage' ? 'level.cv' : undefined;
    const own = equipment.instrument.controls.find(({ id }) => id === word);
    const control = own ?? controlOf(equipment, 1, level ?? WORDS[word] ?? word);
    if (control) return { control: control.id, value, isOutput: control.isOutput === true };
    throw new LabError(
      'call.invalid',
      `${equipment.instrument.label} has no setting ${word}, which the profile '${name}' sets. Nothing was set.`,
    );
  });
  return found
    .toSorted((one, other) => Number(one.isOutput) - Number(other.isOutput))
    .map(({ control, value }) => ({ control, value }));
}
